"""The fake CloudFormation refuses what AWS's documentation says it refuses."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from testkit.fake_aws.cloudformation import CloudFormation

SECRET = {"Type": "AWS::SecretsManager::Secret", "DeletionPolicy": "Retain", "Properties": {"Name": "one"}}
QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "two"}}
SECRET_TO_IMPORT = {
    "ResourceType": "AWS::SecretsManager::Secret",
    "LogicalResourceId": "Secret",
    "ResourceIdentifier": {"Id": "arn:secret:one"},
}


def planned(cloudformation: CloudFormation, kind: str, name: str = "stack", **template: Any) -> dict[str, Any]:
    """Make a change set, and return what DescribeChangeSet answers."""
    given = {"ResourcesToImport": [SECRET_TO_IMPORT]} if kind == "IMPORT" else {}
    cloudformation.create_change_set(
        StackName=name, ChangeSetName="c", ChangeSetType=kind, TemplateBody=json.dumps(template), Parameters=[], **given
    )
    found: dict[str, Any] = cloudformation.describe_change_set(name, "c")
    return found


def changed(cloudformation: CloudFormation, kind: str, name: str = "stack", **resources: Any) -> str:
    """Make and execute a change set, and return the stack's status."""
    assert planned(cloudformation, kind, name, Resources=resources)["Status"] == "CREATE_COMPLETE"
    cloudformation.execute_change_set(name, "c")
    return str(cloudformation.describe_stacks(name)["Stacks"][0]["StackStatus"])


def with_a_retained_secret() -> CloudFormation:
    cloudformation = CloudFormation()
    changed(cloudformation, "CREATE", Secret=SECRET)
    cloudformation.delete_stack("stack")
    return cloudformation


def test_a_name_that_is_taken_fails_the_creation_which_is_rolled_back() -> None:
    cloudformation = with_a_retained_secret()
    assert changed(cloudformation, "CREATE", Queue=QUEUE, Secret=SECRET) == "ROLLBACK_COMPLETE"
    assert cloudformation.find("AWS::SQS::Queue", "two") is None
    assert (
        cloudformation.describe_stack_events("stack")["StackEvents"][2]["ResourceStatusReason"] == "one already exists"
    )


def test_a_stack_whose_creation_was_rolled_back_can_only_be_deleted() -> None:
    cloudformation = with_a_retained_secret()
    changed(cloudformation, "CREATE", Queue=QUEUE, Secret=SECRET)
    for kind, said in (
        ("UPDATE", "can not be updated"),
        ("IMPORT", "can not be updated"),
        ("CREATE", "already exists"),
    ):
        with pytest.raises(ClientError, match=said):
            planned(cloudformation, kind, Resources={"Queue": QUEUE})


def test_a_stack_that_does_not_exist_is_not_updated() -> None:
    with pytest.raises(ClientError, match="does not exist"):
        planned(CloudFormation(), "UPDATE", Resources={"Queue": QUEUE})


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ({"Resources": {"Secret": SECRET}, "Outputs": {"Id": {"Value": "x"}}}, r"cannot modify or add \[Outputs\]"),
        ({"Resources": {"Secret": SECRET, "Queue": QUEUE}}, "modified resources .* that are not being imported"),
        (
            {"Resources": {"Secret": {name: each for name, each in SECRET.items() if name != "DeletionPolicy"}}},
            "must have a DeletionPolicy attribute",
        ),
    ],
)
def test_an_import_that_is_more_than_an_import_is_refused(template: dict[str, Any], said: str) -> None:
    with pytest.raises(ClientError, match=said):
        planned(with_a_retained_secret(), "IMPORT", **template)


def test_what_does_not_exist_or_belongs_to_a_stack_is_not_imported() -> None:
    assert planned(CloudFormation(), "IMPORT", Resources={"Secret": SECRET})["Status"] == "FAILED"
    cloudformation = CloudFormation()
    changed(cloudformation, "CREATE", "other", Secret=SECRET)
    found = planned(cloudformation, "IMPORT", Resources={"Secret": SECRET})
    assert (found["Status"], found["StatusReason"]) == ("FAILED", "Secret already exists in stack other")


def test_an_import_changes_nothing_of_what_it_imports() -> None:
    cloudformation = with_a_retained_secret()
    described = {**SECRET, "Properties": {"Name": "one", "Description": "another"}}
    assert changed(cloudformation, "IMPORT", Secret=described) == "IMPORT_COMPLETE"
    found = cloudformation.find("AWS::SecretsManager::Secret", "one")
    assert found is not None
    assert found.properties == {"Name": "one"}


def test_a_rollback_that_fails_has_to_be_continued() -> None:
    cloudformation = CloudFormation()
    changed(cloudformation, "CREATE", Secret=SECRET)
    cloudformation.fails = lambda operation, name: (operation, name) in {("CREATE", "Last"), ("DELETE", "Queue")}
    assert changed(cloudformation, "UPDATE", Secret=SECRET, Queue=QUEUE, Last=SECRET) == "UPDATE_ROLLBACK_FAILED"
    with pytest.raises(ClientError, match="can not be updated"):
        planned(cloudformation, "UPDATE", Resources={"Secret": SECRET})
    cloudformation.continue_update_rollback("stack")
    assert cloudformation.describe_stacks("stack")["Stacks"][0]["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


def test_events_come_by_pages_newest_first() -> None:
    cloudformation = CloudFormation()
    queues: dict[str, Any] = {f"Queue{number}": {"Type": "AWS::SQS::Queue", "Properties": {}} for number in range(60)}
    changed(cloudformation, "CREATE", **queues)
    first = cloudformation.describe_stack_events("stack")
    second = cloudformation.describe_stack_events("stack", first["NextToken"])
    assert [len(page["StackEvents"]) for page in (first, second)] == [100, 20]
    assert first["StackEvents"][0]["LogicalResourceId"] == "Queue59"
    assert "NextToken" not in second
