"""The packaged template as AWS sees it: translated, linted, and safe."""

import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.settings import Settings
from ordersctl import templates
from ordersctl.local import PROJECT_DIR
from tests.deploy.template_facts import FACTS, Fact, Template, of_type, properties


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.name)
def test_the_template_is_safe(fact: Fact, template: Template) -> None:
    assert fact.holds(template)


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.name)
def test_a_template_that_is_broken_there_is_noticed(fact: Fact, template: Template) -> None:
    broken = copy.deepcopy(template)
    fact.breakage(broken)
    assert not fact.holds(broken)


def test_the_linter_has_nothing_to_say(packaged: Template, template: Template, tmp_path: Path) -> None:
    files = []
    for name, document in {"sam": packaged, "translated": template, "provisioned": templates.resources()}.items():
        files.append(tmp_path / f"{name}.json")
        files[-1].write_text(json.dumps(document))
    done = subprocess.run(  # noqa: S603 - the linter, every rule of it
        [
            sys.executable,
            "-c",
            "import sys; from cfnlint.runner import main; sys.exit(main())",
            "--include-checks",
            "I",
            "--",
            *map(str, files),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("", 0)


def test_every_setting_of_the_code_is_set_on_every_function(template: Template) -> None:
    left_to_the_runtime = {"AWS_ENDPOINT_URL"}
    names = {name.upper() for name in Settings.__dataclass_fields__} - left_to_the_runtime
    for function in of_type(template, "AWS::Lambda::Function").values():
        variables = function["Environment"]["Variables"]
        assert names <= variables.keys()
        # A value that is text came from .chalice/config.json, and nothing there knows the stack.
        assert {name for name, value in variables.items() if isinstance(value, str)} == {"REPORT_BATCH_ITEM_FAILURES"}


def test_alarms_and_logs_fit_functions_of_both_ways(template: Template) -> None:
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


def test_the_resources_go_along_with_the_call() -> None:
    body = json.dumps(templates.resources(), separators=(",", ":"))
    assert len(body) <= 51_200  # CloudFormation quotas: TemplateBody
