"""joserfc as the authorizer imports it, each time in a new process, since earlier imports change the result."""

import subprocess
import sys

from ordersctl.shared.project import PROJECT_DIR

CERTIFICATES = "[name for name in sys.modules if name.startswith('cryptography.x509')]"


def said(code: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own code, in a fixed list
        [sys.executable, "-c", f"import sys\n{code}"], cwd=PROJECT_DIR, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_checking_tokens_imports_nothing_for_certificates() -> None:
    assert said(f"import chalicelib.http.auth.authorizer; print({CERTIFICATES})") == "[]"


def test_certificates_can_be_read_afterwards() -> None:
    code = "import chalicelib.http.auth.jose\nfrom cryptography import x509\nprint(x509.Certificate.__module__)"
    assert said(code) == "cryptography.hazmat.bindings._rust.x509"


def test_where_the_library_itself_reads_a_certificate_it_is_imported_then() -> None:
    code = (
        "import chalicelib.http.auth.jose\nfrom joserfc.jwk import RSAKey, OctKey\n"
        "print(OctKey.import_key('a secret that is long enough').kid)\n"
        "try:\n    RSAKey.import_key('-----BEGIN CERTIFICATE-----')\n"
        "except ValueError as error:\n    print(type(error).__name__)"
    )
    assert said(code) == "None\nValueError"


def test_certificates_that_were_imported_before_stay() -> None:
    before, after = "from cryptography import x509", "print(sys.modules['cryptography.x509'] is x509)"
    assert said(f"{before}\nimport chalicelib.http.auth.jose\n{after}") == "True"


def test_only_the_authorizer_imports_the_library() -> None:
    modules = "problems, requests, responses, cursors, auth.principal"
    code = "\n".join(f"import chalicelib.http.{name}" for name in modules.split(", "))
    assert said(f"{code}\nprint([name for name in sys.modules if 'jose' in name or 'cryptography' in name])") == "[]"
