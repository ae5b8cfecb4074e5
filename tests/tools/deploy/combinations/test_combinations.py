"""Every combination of Api, Release, SnapStart, DirectAccept, Fifo, EventBusName and Encryption, allowed or refused."""

import copy
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from ordersctl.deploy.settings import check_together, checked_parameters
from ordersctl.shared.project import PROJECT_DIR
from tests.tools.deploy.combinations.variants import (
    DECIDED,
    Stack,
    combinations,
    covering,
    is_allowed,
    properties,
    resources,
    sam_templates,
    stacks,
)
from tests.tools.deploy.gateway.test_api_version import KEY, STAGE
from tests.tools.deploy.template_parts import Template, of_type
from tests.tools.deploy.test_template import complaints

CHECKOV = PROJECT_DIR / "build" / "audit" / "bin" / "checkov"


def reason(template: Template, given: dict[str, str]) -> str | None:
    """Why `ordersctl deploy` refuses these settings; None when it takes them."""
    try:
        checked_parameters(template, STAGE | given)
        check_together(STAGE | given, region="eu-west-1", timeout_seconds=15)
    except click.ClickException as refused:
        return refused.message
    return None


def test_every_combination_is_taken_or_refused_with_a_reason(packaged: Template) -> None:
    # Release and SnapStart are refused for a runtime alone, by `publish`, through which each of these templates went.
    for given, template in sam_templates(packaged, Release="AllAtOnce", SnapStart="off"):
        for decided in combinations(DECIDED):
            found = reason(template, given | decided)
            assert (found is None) == is_allowed(given | decided), (given, decided)
            if found is not None:
                assert "DirectAccept" in found
                assert ("HTTP API" in found) == (given["Api"] == "HTTP")


@pytest.fixture(scope="module")
def chosen(packaged: Template) -> list[Stack]:
    """Few stacks that together have every resource of every allowed combination."""
    return covering(stacks(packaged), resources)


@pytest.mark.full  # all 180 stacks
def test_the_stacks_of_the_combinations_refer_to_nothing_that_they_do_not_have(packaged: Template) -> None:
    for given, template in stacks(packaged):
        named = set(references(template["Resources"]))
        assert named <= template["Resources"].keys() | template["Parameters"].keys(), given


def references(value: Any) -> list[str]:
    match value:
        case {"Ref": str(name)}:
            return [] if name.startswith("AWS::") else [name]
        case {"Fn::GetAtt": [str(name), *_]}:
            return [name]
        case dict():
            return [name for each in value.values() for name in references(each)]
        case list():
            return [name for each in value for name in references(each)]
    return []


@pytest.mark.full  # the linter takes seconds for each template
@pytest.mark.timeout(900)  # on a busy machine
def test_the_linter_accepts_the_templates_that_are_deployed(packaged: Template, tmp_path: Path) -> None:
    # By property: the stacks that come of them are linted with every resource as a whole.
    chosen = covering(sam_templates(packaged), properties)
    documents = {"-".join(given.values()): template for given, template in chosen}
    assert complaints(tmp_path, **documents) == ""


@pytest.mark.full  # the same
@pytest.mark.timeout(900)  # on a busy machine
def test_the_linter_accepts_the_stacks_that_come_of_them(chosen: list[Stack], tmp_path: Path) -> None:
    documents = {f"stack-{number}": stack.template for number, stack in enumerate(chosen)}
    # I1022 is about style: Fn::Join where Fn::Sub would do. The template joins a part that a condition chooses.
    assert complaints(tmp_path, "--ignore-checks", "I1022", **documents) == ""


# What checkov asks of a stage whose data AWS encrypts with keys of its own: that is what the setting says.
OF_AWS_KEYS = {
    "CKV_AWS_26",  # the topics: alias/aws/sns, and SNS's own key where CloudWatch must be able to publish
    "CKV_AWS_27",  # the queues: SQS's own key (SSE-SQS), which this rule does not know
    "CKV_AWS_149",  # the secret: aws/secretsmanager
    "CKV_AWS_158",  # the logs: CloudWatch Logs' own key
    "CKV_AWS_173",  # the functions' environment: aws/lambda
}


@pytest.mark.full  # checkov has an environment of its own, and takes half a minute
@pytest.mark.timeout(900)  # on a busy machine
def test_checkov_finds_nothing_in_any_stack_but_what_was_put_there(chosen: list[Stack], tmp_path: Path) -> None:
    stacks_of = {f"stack-{number}": stack for number, stack in enumerate(chosen)}
    documents = {name: stack.template for name, stack in stacks_of.items()}
    own = next(stack.template for stack in chosen if stack.given["Encryption"] == KEY)
    documents["broken"] = copy.deepcopy(own)
    del next(iter(of_type(documents["broken"], "AWS::SNS::Topic").values()))["KmsMasterKeyId"]
    findings = set(checkov(tmp_path, documents))
    assert {check for name, check in findings if name == "broken"} == {"CKV_AWS_26"}
    of_aws_keys = {name for name, stack in stacks_of.items() if stack.given["Encryption"] != KEY}
    assert {name for name, _ in findings} == of_aws_keys | {"broken"}
    assert {check for name, check in findings if name in of_aws_keys} == OF_AWS_KEYS


def checkov(directory: Path, documents: dict[str, Template]) -> Iterator[tuple[str, str]]:
    """Yield the name of a template and the rule for each finding, by the rules of `make audit-template`."""
    assert CHECKOV.exists(), "checkov is not installed: make build/audit/installed"
    for name, document in documents.items():
        (directory / f"{name}.json").write_text(json.dumps(document, indent=1))
    config = str(PROJECT_DIR / "infra" / "checkov.yaml")
    command = [str(CHECKOV), "--config-file", config, "--output", "json", "--directory", str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments
    report = json.loads(done.stdout)
    assert report["summary"]["parsing_errors"] == 0
    for each in report["results"]["failed_checks"]:
        yield Path(each["file_path"]).stem, each["check_id"]
