"""The shift of the API's requests to a new version, as CodeDeploy carries it out during a deployment."""

from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from ordersctl.shared.functions import ALIAS
from ordersctl.shared.output import say
from ordersctl.shared.stage import Stage

_RUNNING = ["Created", "Queued", "InProgress", "Baking", "Ready"]


@dataclass
class Progress:
    """Says how many of the API's requests go to the new version, each time that it changes; `client` is Lambda's."""

    client: Any
    function: str
    _said: dict[str, float] = field(default_factory=dict)

    def report(self) -> None:
        """Look once, and say what is new."""
        try:
            alias = self.client.get_alias(FunctionName=self.function, Name=ALIAS)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return  # the first deployment has no alias yet
        weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        if weights == self._said:
            return
        for version, weight in weights.items():
            say(f"{weight:.0%} of the API's requests go to version {version}", err=True)
        if not weights:
            say(f"all of the API's requests go to version {alias['FunctionVersion']}", err=True)
        self._said = dict(weights)


def stop(stage: Stage) -> bool:
    """Stop the stage's shift, so that CodeDeploy goes back at once; return whether there was one.

    CloudFormation then rolls the stack back.
    """
    held = _resources(stage)
    if "AWS::CodeDeploy::Application" not in held:
        return False
    client = stage.client("codedeploy")
    running = client.list_deployments(
        applicationName=held["AWS::CodeDeploy::Application"],
        deploymentGroupName=held["AWS::CodeDeploy::DeploymentGroup"],
        includeOnlyStatuses=_RUNNING,
    )["deployments"]
    for each in running:
        client.stop_deployment(deploymentId=each, autoRollbackEnabled=True)
    return bool(running)


def _resources(stage: Stage) -> dict[str, str]:
    """Return type -> physical id of the stack's resources; of CodeDeploy's types there is one each."""
    pages = stage.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stage.stack_name)
    found = [each for page in pages for each in page["StackResourceSummaries"]]
    return {each["ResourceType"]: each["PhysicalResourceId"] for each in found if "PhysicalResourceId" in each}
