"""`ordersctl package`: packages a stage as one CloudFormation stack, by `chalice package` and an overlay."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import ChainMap
from pathlib import Path

import click

from ordersctl.deploy.overlay.api_version import set_version
from ordersctl.deploy.overlay.cors import allowed_origins
from ordersctl.deploy.overlay.http_api import is_http, with_http_api
from ordersctl.deploy.overlay.template import overlay
from ordersctl.deploy.release.publish import publish
from ordersctl.deploy.sam import translated
from ordersctl.deploy.settings import check_dax_client, stage_file, stage_settings
from ordersctl.deploy.zip_contents import dependencies
from ordersctl.deploy.zip_contents.bytecode import add_bytecode
from ordersctl.shared.output import wrote
from ordersctl.shared.project import PROJECT_DIR, chalice_config

BUILD = PROJECT_DIR / "build"
TEMPLATE, ZIP = "sam.json", "deployment.zip"
MAX_ZIP_BYTES = 10 * 1024 * 1024
_SOURCES = ("app.py", "chalicelib", "ordersctl", "infra", ".chalice")
_NOT_COPIED = shutil.ignore_patterns("__pycache__", "deployments", "deployed")


def _known(_context: click.Context, _option: click.Parameter, stage: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9-]*", stage) or not stage_file(stage).exists():
        raise click.BadParameter(f"there is no stage {stage}: infra/stages/{stage}.json does not exist")
    if stage not in chalice_config()["stages"]:
        raise click.BadParameter(f"there is no stage {stage} in .chalice/config.json")
    return stage


@click.command()
@click.option("--stage", required=True, callback=_known, help="One of those in infra/stages.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Where to write them.  [default: build/STAGE]"
)
@click.option("--template-only", is_flag=True, help="For checks: no dependencies, no network.")
def package(stage: str, out: Path | None, *, template_only: bool) -> None:
    """Make a stage's template and deployment package."""
    out = out or BUILD / stage
    if not template_only:
        check_dax_client(stage_settings(stage)[0])
    with tempfile.TemporaryDirectory() as scratch:
        project = Path(scratch)
        copy_sources(project)
        if not template_only:
            _add_dependencies(project, stage)
        build(project, stage, out)
    add_bytecode(out / ZIP)
    template = json.loads((out / TEMPLATE).read_text())
    publish(template, stage_settings(stage)[0], (out / ZIP).read_bytes())
    (out / TEMPLATE).write_text(json.dumps(template, indent=2))
    if template_only:
        plain = translated(template)
        (out / "cloudformation.json").write_text(json.dumps(plain, indent=1))
    size = (out / ZIP).stat().st_size
    if size > MAX_ZIP_BYTES:
        raise click.ClickException(f"deployment.zip is {size} bytes; more than {MAX_ZIP_BYTES} starts slowly")
    wrote(out, f"{TEMPLATE}, and {ZIP} of {size / 1024:.0f} KiB.")


def build(project: Path, stage: str, out: Path) -> None:
    """Run `chalice package --merge-template` in a project directory. ClickException if it fails."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    merge = out / "merge.json"
    merge.write_text(json.dumps(overlay(allowed_origins(project, stage))))
    chalice = [sys.executable, "-c", "import sys; from chalice.cli import main; sys.exit(main())"]
    arguments = ["package", "--stage", stage, "--merge-template", str(merge.resolve()), str(out.resolve())]
    done = subprocess.run(
        [*chalice, "--project-dir", str(project), *arguments],
        # Chalice needs a region, only for the names of service principals.
        env={"AWS_DEFAULT_REGION": "us-east-1", **os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise click.ClickException(f"chalice package failed:\n{done.stderr or done.stdout}")
    merge.unlink()
    template = json.loads((out / TEMPLATE).read_text())
    given, _ = stage_settings(stage)
    if is_http(given):
        template = with_http_api(template, allowed_origins(project, stage))
    set_version(template, given)
    (out / TEMPLATE).write_text(json.dumps(template, indent=2))


def copy_sources(directory: Path) -> None:
    """Copy the project's files that packaging needs, without its requirements."""
    for name in _SOURCES:
        source = PROJECT_DIR / name
        if source.is_dir():
            shutil.copytree(source, directory / name, ignore=_NOT_COPIED)
        else:
            shutil.copy(source, directory / name)


def _add_dependencies(project: Path, stage: str) -> None:
    """Fill a project's vendor/, which Chalice packages as it is, by requirements.txt and by this project's vendor/."""
    config = chalice_config()
    architecture = ChainMap(config["stages"][stage], config).get("lambda_architecture", "x86_64")
    dependencies.install(PROJECT_DIR / "requirements.txt", project / "vendor", architecture)
    if (PROJECT_DIR / "vendor").is_dir():
        shutil.copytree(PROJECT_DIR / "vendor", project / "vendor", dirs_exist_ok=True)
