"""Releases on the engine, which publishes versions as Lambda does: deploy, change, go back, forward again."""

import functools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.tools.deploy.project import ARCHITECTURE, Project, full_engine, stage_on, with_numbers, write_settings

pytestmark = pytest.mark.full  # each deployment takes seconds
STAGE = "back"
FUNCTIONS = [f"orders-{STAGE}{suffix}" for suffix in ("", "-authorizer", "-process-orders", "-publish-events")]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The project as stage back, packaged without its dependencies: no function is invoked."""
    with full_engine(tmp_path_factory.mktemp("engine") / "state") as url:
        copy = Project.copied(tmp_path_factory.mktemp("project"), url)
        own = {"lambda_architecture": ARCHITECTURE, "api_gateway_stage": STAGE}
        copy.configure(STAGE, **copy.config("prod") | own)
        write(copy)
        copy.ordersctl("package", "--stage", STAGE, "--template-only")
        with_numbers(copy.directory / "build" / STAGE / "sam.json")
        yield copy


def write(project: Project, **settings: str) -> None:
    issuer = {"JwtIssuer": "https://i.test", "JwtAudience": "orders", "JwtJwks": "https://i.test/keys"}
    write_settings(project, STAGE, **issuer, **settings)


def deploy(project: Project, **settings: str) -> str:
    write(project, **settings)
    return project.ordersctl("deploy", "--stage", STAGE, "--yes")


def client(project: Project) -> Any:
    return _client(project.engine_url)


@functools.cache  # it takes longer to make than each of its calls
def _client(engine_url: str) -> Any:
    return stage_on(engine_url, STAGE).client("lambda")


def live(project: Project) -> list[str]:
    """The versions of the four functions that are live."""
    return [client(project).get_alias(FunctionName=each, Name="live")["FunctionVersion"] for each in FUNCTIONS]


def kept(project: Project, function: str) -> list[str]:
    found = client(project).list_versions_by_function(FunctionName=function)["Versions"]
    return [each["Version"] for each in found if each["Version"] != "$LATEST"]


def claim(project: Project) -> str:
    """The claim that the live API reads."""
    found = client(project).get_function_configuration(FunctionName=FUNCTIONS[0], Qualifier="live")
    return str(found["Environment"]["Variables"]["CUSTOMER_CLAIM"])


def test_a_changed_setting_is_live_goes_back_at_once_and_forward_again(project: Project) -> None:
    deploy(project)
    assert live(project) == ["1"] * 4
    assert "nothing to change" in deploy(project)
    deploy(project, CustomerClaim="customer")
    assert (live(project), claim(project)) == (["2"] * 4, "customer")

    back = project.ordersctl("rollback", "--stage", STAGE, "--yes").splitlines()
    assert [line.partition(":")[0] for line in back[:4]] == FUNCTIONS  # writers before readers
    assert (live(project), claim(project)) == (["1"] * 4, "sub")
    doctor = project.run("-m", "ordersctl", "doctor", "--stage", STAGE).stdout
    assert "FAIL orders-back-process-orders: release" in doctor

    again = deploy(project, CustomerClaim="customer")
    assert "is live, by a rollback" in again
    release = again.rpartition("--to ")[2].split()[0]
    forward = project.ordersctl("rollback", "--stage", STAGE, "--to", release, "--yes").splitlines()
    assert [line.partition(":")[0] for line in forward[:4]] == FUNCTIONS[::-1]  # readers before writers
    assert claim(project) == "customer"
    doctor = project.run("-m", "ordersctl", "doctor", "--stage", STAGE).stdout
    assert "FAIL orders-back-process-orders: release" not in doctor
    assert "ok   the mapping of orders-back-process-orders: tuned" in doctor


def test_old_versions_are_removed_and_the_last_three_releases_kept(project: Project) -> None:
    for name in ("a", "b", "c"):
        deploy(project, CustomerClaim=name)
    assert claim(project) == "c"
    assert [len(kept(project, each)) for each in FUNCTIONS] == [3] * 4


def test_a_deployment_that_failed_after_it_published_can_be_run_again(project: Project) -> None:
    """Its versions stay, and Lambda publishes no version that is like the last one."""
    deploy(project, CustomerClaim="before")
    fail(project, "before", "after")
    left = kept(project, FUNCTIONS[0])[-1]
    deploy(project, CustomerClaim="after")
    assert claim(project) == "after"
    assert left not in kept(project, FUNCTIONS[0])


def fail(project: Project, now: str, failing: str) -> None:
    """A deployment that published its versions and was rolled back: alias and code are those of now again."""
    release = planned(project, CustomerClaim=failing)
    for function in FUNCTIONS:
        variables = client(project).get_function_configuration(FunctionName=function)["Environment"]["Variables"]
        for value, claim_name in ((release, failing), (variables["RELEASE"], now)):
            environment = {"Variables": {**variables, "RELEASE": value, "CUSTOMER_CLAIM": claim_name}}
            client(project).update_function_configuration(FunctionName=function, Environment=environment)
            if value == release:
                client(project).publish_version(FunctionName=function)


def test_no_rollback_goes_to_a_release_that_failed_or_was_taken_back(project: Project) -> None:
    deploy(project, CustomerClaim="good")
    fail(project, "good", "failed")
    deploy(project, CustomerClaim="bad")
    project.ordersctl("rollback", "--stage", STAGE, "--yes")
    assert claim(project) == "good"
    deploy(project, CustomerClaim="fixed")
    assert claim(project) == "fixed"
    project.ordersctl("rollback", "--stage", STAGE, "--yes")
    assert claim(project) == "good"


def planned(project: Project, **settings: str) -> str:
    """The release that deploying with these settings makes."""
    write(project, **settings)
    code = (
        "import json, pathlib, sys\n"
        "from ordersctl.deploy.release.publish import publish\n"
        "from ordersctl.deploy.settings import stage_settings\n"
        "build = pathlib.Path('build') / sys.argv[1]\n"
        "template = json.loads((build / 'sam.json').read_text())\n"
        "publish(template, stage_settings(sys.argv[1])[0], (build / 'deployment.zip').read_bytes())\n"
        "print(template['Resources']['APIHandler']['Properties']['AutoPublishCodeSha256'])\n"
    )
    return project.run("-c", code, STAGE).stdout.strip()


def test_no_rollback_goes_below_the_revision_that_direct_acceptance_writes(project: Project) -> None:
    path = project.directory / "build" / STAGE / "sam.json"
    as_packaged = path.read_text()
    deploy(project, CustomerClaim="read", DirectAccept="true")
    newer = json.loads(as_packaged)
    variables = newer["Resources"]["ProcessOrders"]["Properties"]["Environment"]["Variables"]
    variables["COMMAND_REVISION"] = str(int(variables["COMMAND_REVISION"]) + 1)
    path.write_text(json.dumps(newer))
    try:
        deploy(project, CustomerClaim="written", DirectAccept="true")
        done = project.run("-m", "ordersctl", "rollback", "--stage", STAGE, "--yes")
        assert (done.returncode, claim(project)) == (1, "written")
        assert "Set DirectAccept to false in infra/stages/back.json and deploy that" in done.stderr
        deploy(project, CustomerClaim="written", DirectAccept="false")
        project.ordersctl("rollback", "--stage", STAGE, "--yes")
        assert claim(project) == "read"
    finally:
        path.write_text(as_packaged)


@pytest.mark.parametrize("named", ["ffffffffff", ""])
def test_only_a_release_that_is_kept_can_be_gone_back_to(project: Project, named: str) -> None:
    done = project.run("-m", "ordersctl", "rollback", "--stage", STAGE, "--to", named, "--yes")
    assert done.returncode == 1
    assert f"{named!r} names no kept release" in done.stderr
