"""The packaged template as AWS sees it: translated, linted, and safe."""

import copy
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from chalicelib.settings import AWS_CLIENTS, Settings
from ordersctl.deploy.package import ZIP
from ordersctl.deploy.retained.excerpt import excerpt
from ordersctl.shared import templates
from ordersctl.shared.project import PROJECT_DIR
from tests.tools.deploy.template_facts import FACTS, Fact
from tests.tools.deploy.template_parts import Template, of_type, properties, statements


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.name)
def test_every_fact_holds_of_the_template(fact: Fact, template: Template) -> None:
    assert fact.holds(template)


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.name)
def test_a_template_that_breaks_a_fact_is_noticed(fact: Fact, template: Template) -> None:
    broken = copy.deepcopy(template)
    fact.breakage(broken)
    assert not fact.holds(broken)


def complaints(directory: Path, *options: str, **documents: Template) -> str:
    """The linter's output on templates, with every rule on, unless its options say otherwise."""
    files = []
    for name, document in documents.items():
        files.append(directory / f"{name}.json")
        files[-1].write_text(json.dumps(document))
    done = subprocess.run(  # noqa: S603 - the linter
        [
            sys.executable,
            "-c",
            "import sys; from cfnlint.runner import main; sys.exit(main())",
            "--include-checks",
            "I",
            *options,
            "--",
            *map(str, files),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + ("" if done.returncode == 0 else f"exit status {done.returncode}: {done.stderr}")


@pytest.mark.full  # `make check` lints the templates of stage prod
@pytest.mark.timeout(900)  # on a busy machine
def test_the_linter_accepts_what_is_made_of_the_template(
    packaged: Template, template: Template, tmp_path: Path
) -> None:
    retained = excerpt(packaged, ["OrderTable", "IdSecret"])
    documents = {"translated": template, "provisioned": templates.resources(), "retained": retained}
    assert complaints(tmp_path, **documents) == ""


@pytest.mark.parametrize(
    ("endpoint", "cluster"),
    [
        ("daxs://orders.x1y2z3.dax-clusters.eu-west-1.amazonaws.com", "orders"),
        ("dax://or-ders.x1y2z3.dax-clusters.eu-west-1.amazonaws.com:8111", "or-ders"),
        ("", "-"),  # CloudFormation may evaluate the branch that a condition leaves out, and must not fail
    ],
)
def test_the_api_may_read_from_its_own_cluster(endpoint: str, cluster: str, template: Template) -> None:
    ((_, statement),) = [
        (role, each) for role, each in statements(template) if each.get("Sid") == "ReadFromTheCache"
    ]  # of one function only
    text, names = statement["Resource"]["Fn::Sub"]
    assert text.endswith(":cache/${DaxCluster}")
    assert worked_out(names["DaxCluster"], endpoint) == cluster


def worked_out(value: Any, endpoint: str) -> Any:
    match value:
        case {"Fn::Select": [index, values]}:
            return worked_out(values, endpoint)[index]
        case {"Fn::Split": [separator, text]}:
            return worked_out(text, endpoint).split(separator)
        case {"Fn::Sub": str(text)}:
            return text.replace("${DaxEndpoint}", endpoint)
    raise AssertionError(value)


def test_every_setting_of_the_code_is_set_on_every_function(template: Template) -> None:
    left_to_the_runtime = {"AWS_ENDPOINT_URL"}
    names = {name.upper() for name in Settings.__dataclass_fields__} - left_to_the_runtime
    for function in of_type(template, "AWS::Lambda::Function").values():
        variables = function["Environment"]["Variables"]
        assert names <= variables.keys()
        # A literal text comes from .chalice/config.json, which does not know the stack.
        assert {name for name, value in variables.items() if isinstance(value, str)} - {"COMMAND_REVISION"} == {
            "RELEASE",
            "REPORT_BATCH_ITEM_FAILURES",
        }


def test_a_stage_with_tracing_calls_aws_by_botocore_and_any_other_by_the_client_that_it_names(
    template: Template,
) -> None:
    client = {"Fn::If": ["WithTracing", "botocore", {"Ref": "AwsClient"}]}
    for function in of_type(template, "AWS::Lambda::Function").values():
        assert function["Environment"]["Variables"]["AWS_CLIENT"] == client
    assert template["Parameters"]["AwsClient"]["AllowedValues"] == list(AWS_CLIENTS)


def test_throttling_of_the_index_has_alarms_of_its_own(template: Template) -> None:
    (index,) = properties(template, "OrderTable")["GlobalSecondaryIndexes"]
    dimension = {"Name": "GlobalSecondaryIndexName", "Value": index["IndexName"]}
    alarms = of_type(template, "AWS::CloudWatch::Alarm").values()
    watched = {each["MetricName"] for each in alarms if dimension in each.get("Dimensions", [])}
    assert watched == {"ReadThrottleEvents", "WriteThrottleEvents"}


@pytest.mark.parametrize("role", ["ApiHandlerRole", "ProcessOrdersRole"])
def test_a_function_that_writes_the_table_may_use_its_key_in_every_way_that_dynamodb_needs(
    role: str, template: Template
) -> None:
    (found,) = [each for name, each in statements(template) if name == role and each.get("Sid") == "UseTheKey"]
    uses = {"Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo"}
    assert {f"kms:{use}" for use in uses} <= set(found["Action"])


def test_alarms_and_log_groups_fit_the_functions_of_both_ways_of_deploying(template: Template) -> None:
    named = {each["FunctionName"]["Fn::Sub"] for each in of_type(template, "AWS::Lambda::Function").values()}
    config = json.loads((PROJECT_DIR / ".chalice" / "config.json").read_text())
    by_chalice = {
        "orders-${Stage}" + ("" if name == "api_handler" else f"-{name}") for name in config["lambda_functions"]
    }
    groups = of_type(templates.resources(), "AWS::Logs::LogGroup").values()
    assert named == by_chalice == {each["LogGroupName"]["Fn::Sub"].removeprefix("/aws/lambda/") for each in groups}
    api = properties(template, "ApiLatencyAlarm")["Dimensions"]
    assert api == [{"Name": "ApiName", "Value": config["app_name"]}, {"Name": "Stage", "Value": {"Ref": "Stage"}}]
    assert all(stage["api_gateway_stage"] == name for name, stage in config["stages"].items() if name != "local")


def test_the_template_of_the_resources_fits_into_one_call() -> None:
    body = json.dumps(templates.resources(), separators=(",", ":"))
    assert len(body) <= 51_200  # CloudFormation quotas: TemplateBody


def test_the_zip_has_every_file_of_the_service_its_authorities_and_its_contract_included(
    package_directory: Path,
) -> None:
    with zipfile.ZipFile(package_directory / ZIP) as archive:
        packaged = set(archive.namelist())
    files = [path for path in (PROJECT_DIR / "chalicelib").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert {str(path.relative_to(PROJECT_DIR)) for path in files} <= packaged
