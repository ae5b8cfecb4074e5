"""A stage's settings are checked before AWS sees them."""

import json
import re
import shutil
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ordersctl.deploy import settings
from ordersctl.deploy.package import package
from ordersctl.shared import templates
from ordersctl.shared.project import CHALICE_CONFIG, INFRA, PROJECT_DIR

DAX = "daxs://orders.x1y2z3.dax-clusters.eu-west-1.amazonaws.com"
FIT = {"Stage": "dev", "JwtIssuer": "https://issuer.example", "JwtAudience": "orders", "JwtJwks": "keys.json"}

DIRECT = {"DirectAccept": "true"}
COGNITO = {"CognitoUserPoolArn": "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/eu-west-1_a"}


def complaint(**given: str) -> str:
    """The message about settings that cannot be used."""
    template = {"Parameters": templates.every_parameter()}
    with pytest.raises(click.ClickException) as refused:
        settings.checked_parameters(template, {**FIT, **given})
    return refused.value.message


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"BillingMode": "CHEAP"}, "BillingMode: 'CHEAP' is not one of PAY_PER_REQUEST, PROVISIONED"),
        ({"Encryption": "mine"}, "Encryption: 'mine': aws-owned, aws-managed, or the ARN of a KMS key"),
        ({"OrderQueueVisibility": "60"}, "OrderQueueVisibility: 60 is not between 61 and 43200"),
        ({"LatencyMilliseconds": "fast"}, "LatencyMilliseconds: 'fast' is not a number"),
        ({"LogRetention": "2"}, "LogRetention: '2' is not one of 1, 3, 5"),
        ({"Stage": "Prod"}, "Stage: 'Prod': a stage is 1 to 20 of a-z 0-9 -"),
        ({"JwtAudience": ""}, "JwtAudience: is empty"),
        ({"DaxEndpoint": "https://cache"}, "DaxEndpoint: 'https://cache': a DAX cluster's endpoint, as in daxs://"),
        ({"AlarmEmail": "nobody"}, "AlarmEmail: 'nobody': an e-mail address, or nothing"),
    ],
)
def test_an_invalid_setting_is_named_with_the_reason(given: dict[str, str], said: str) -> None:
    assert said in complaint(**given)


@pytest.mark.parametrize(
    ("given", "seconds", "said"),
    [
        ({"OrderQueueVisibility": "89"}, 15, r"OrderQueueVisibility: 89 is less than 90: 6 x .* \(15 s\)"),
        ({"OrderQueueVisibility": "119", "OrderBatchingWindow": "30"}, 15, "119 is less than 120"),
        ({}, 21, "OrderQueueVisibility: 120 is less than 126"),
        ({"BillingMode": "PROVISIONED", "MaxCapacity": "4"}, 15, "MaxCapacity: 4 is not above MinCapacity, 5"),
        ({"ReplicaRegion": "eu-west-1"}, 15, "ReplicaRegion: eu-west-1 is the region of the stage itself"),
        (DIRECT | {"CustomerClaim": "custom:id"}, 15, "CustomerClaim: with DirectAccept 'custom:id' cannot be read"),
        (DIRECT | {"CustomerClaim": "https://shop.example/id"}, 15, "CustomerClaim: with DirectAccept 'https:"),
        (DIRECT | COGNITO | {"ScopeClaim": "scp roles"}, 15, "ScopeClaim: with DirectAccept 'scp roles' "),
    ],
)
def test_settings_that_contradict_each_other_are_named(given: dict[str, str], seconds: int, said: str) -> None:
    with pytest.raises(click.ClickException, match=said):
        settings.check_together(given, region="eu-west-1", timeout_seconds=seconds)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"OrderQueueVisibility": "90"},
        {"OrderQueueVisibility": "120", "OrderBatchingWindow": "30"},
        {"MaxCapacity": "4"},  # of no effect on demand
        {"BillingMode": "PROVISIONED", "MinCapacity": "9"},
        {"ReplicaRegion": "eu-west-2"},
        {"CustomerClaim": "https://shop.example/id"},
        DIRECT | {"CustomerClaim": "customer_id", "ScopeClaim": "scp roles"},  # the authorizer reads the scopes
    ],
)
def test_settings_that_just_fit_together_are_accepted(given: dict[str, str]) -> None:
    settings.check_together(given, region="eu-west-1", timeout_seconds=15)


RULES = [
    ({"OrderBatchSize": "11"}, "A batch of more than 10 needs an OrderBatchingWindow of at least 1 s."),
    ({"Fifo": "true", "OrderBatchingWindow": "1"}, "A FIFO queue is read in batches of at most 10, without a window."),
    ({"Fifo": "true", "DirectAccept": "true"}, "DirectAccept cannot be combined with Fifo."),
]


def with_rules() -> templates.Template:
    return templates.merged(templates.resources(), templates.load(templates.PACKAGE))


@pytest.mark.parametrize(("given", "said"), RULES)
def test_a_rule_of_the_template_is_checked_before_aws_sees_the_settings(given: dict[str, str], said: str) -> None:
    with pytest.raises(click.ClickException, match=re.escape(said)):
        settings.checked_parameters(with_rules(), FIT | given)


@pytest.mark.parametrize(
    "given",
    [
        *({"OrderBatchSize": str(size)} for size in range(1, 11)),
        {"OrderBatchSize": "11", "OrderBatchingWindow": "1"},
        {"Fifo": "true", "OrderBatchSize": "2"},
    ],
)
def test_batches_of_up_to_ten_need_no_window(given: dict[str, str]) -> None:
    """AWS Lambda guide, "Using Lambda with Amazon SQS": a batch of more than 10 needs a window of at least 1 second."""
    assert settings.checked_parameters(with_rules(), FIT | given) == FIT | given


def test_the_processors_timeout_is_the_one_that_chalice_uses() -> None:
    config = json.loads(CHALICE_CONFIG.read_text())
    assert settings.processor_timeout("dev") == config["lambda_functions"]["process-orders"]["lambda_timeout"]


@pytest.mark.parametrize("issuer", ["https://issuer.example.com", "https://example.com/realm", "https://A.Example.COM"])
def test_the_example_issuer_is_refused(issuer: str) -> None:
    with pytest.raises(click.ClickException, match="JwtIssuer is still https://"):
        settings.check_issuer("JwtIssuer", issuer)


def test_another_issuer_is_accepted() -> None:
    settings.check_issuer("JwtIssuer", "https://login.notexample.com/example.com")


def test_a_stage_cannot_be_given_another_name_in_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(INFRA, tmp_path / "infra")
    (tmp_path / "infra" / "stages" / "dev.json").write_text('{"Parameters": {"Stage": "prod"}}')
    monkeypatch.setattr(settings, "INFRA", tmp_path / "infra")
    with pytest.raises(click.ClickException, match=r"dev\.json: Stage is the file's name"):
        settings.stage_settings("dev")


@pytest.mark.parametrize("stage", ["nosuch", "../stages/prod"])
def test_an_unknown_stage_cannot_be_packaged(stage: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(package, ["--stage", stage, "--template-only", "--out", str(tmp_path)])
    assert done.exit_code == 2
    assert f"there is no stage {stage}" in " ".join(done.output.split())


def test_every_wrong_setting_is_named_at_once() -> None:
    said = complaint(TableClass="GOLD", Fifo="yes")
    assert "TableClass" in said
    assert "Fifo" in said


def test_a_setting_without_a_default_must_be_given() -> None:
    with pytest.raises(click.ClickException, match="JwtIssuer: is not set, and has no default"):
        settings.checked_parameters({"Parameters": templates.every_parameter()}, {"Stage": "dev"})


def test_a_stage_that_has_no_file_is_named() -> None:
    with pytest.raises(click.ClickException, match="there is no stage nowhere"):
        settings.stage_settings("nowhere")


@pytest.mark.parametrize("stage", sorted(path.stem for path in (INFRA / "stages").glob("*.json")))
def test_every_stage_of_the_project_can_be_provisioned(stage: str) -> None:
    given, _ = settings.stage_settings(stage)
    assert settings.checked_parameters(templates.resources(), given)["Stage"] == stage


def test_stage_prod_can_be_packaged() -> None:
    given, _ = settings.stage_settings("prod")
    assert settings.checked_parameters({"Parameters": templates.every_parameter()}, given) == given


@pytest.mark.parametrize("endpoint", ["dax://a.b1.dax-clusters.us-east-1.amazonaws.com", f"{DAX}:9111", DAX])
def test_a_dax_cluster_is_given_by_the_address_that_aws_shows(endpoint: str) -> None:
    given = FIT | {"DaxEndpoint": endpoint}
    assert settings.checked_parameters({"Parameters": templates.every_parameter()}, given) == given


def test_a_stage_that_reads_from_dax_is_not_packaged_without_the_client(tmp_path: Path) -> None:
    settings.check_dax_client({}, tmp_path)
    with pytest.raises(click.ClickException, match=r"vendor/amazondax: .* -r requirements-dax\.txt"):
        settings.check_dax_client({"DaxEndpoint": DAX}, tmp_path)
    (tmp_path / "vendor" / "amazondax").mkdir(parents=True)
    settings.check_dax_client({"DaxEndpoint": DAX}, tmp_path)


def test_the_client_that_is_packaged_is_the_one_that_is_tested_and_documented() -> None:
    packaged = re.findall(r"^[\w-]+==\S+", (PROJECT_DIR / "requirements-dax.txt").read_text(), re.MULTILINE)
    assert packaged == [f"{name}=={version(name)}" for name in ("amazon-dax-client", "antlr4-python3-runtime", "six")]
    assert settings.DAX_CLIENT in (PROJECT_DIR / "docs" / "operate" / "deploy.md").read_text()


def test_every_setting_is_documented_with_its_default() -> None:
    page = (PROJECT_DIR / "docs" / "operate" / "deploy.md").read_text()
    documented = dict(re.findall(r"^\| `(\w+)` \| (.*?) ?\|", page, re.MULTILINE))
    defaults = {name: str(each.get("Default", "")) for name, each in templates.every_parameter().items()}
    assert documented == defaults | {"Stage": "the file's name"}


def test_settings_that_only_the_package_uses_are_marked() -> None:
    page = (PROJECT_DIR / "docs" / "operate" / "deploy.md").read_text()
    marked = set(re.findall(r"^\| `(\w+)` \|[^|]*\| packaged", page, re.MULTILINE))
    plain = templates.resources()["Parameters"].keys()
    # Parameters of the package alone that provision and tune use too.
    both = {"EventBusName", "DaxEndpoint", "Tracing", "OrderMaximumConcurrency", "EventParallelization"} | {
        "SystemLogLevel",
        "AwsClient",
    }
    assert marked == templates.every_parameter().keys() - plain - both
