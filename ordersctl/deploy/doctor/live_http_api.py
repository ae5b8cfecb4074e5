"""What a packaged stage's HTTP API does at this moment, compared with the stage's settings."""

from collections.abc import Iterator, Mapping

from botocore.exceptions import ClientError

from ordersctl.deploy.doctor.findings import Finding, none_of
from ordersctl.shared.stage import Stage

OPEN = (" /", " /health", " /openapi.json")  # ends of route keys, such as GET /health


def live_http_api(stage: Stage, given: Mapping[str, str], remedy: str) -> Iterator[Finding]:
    """Compare the API's stage, its authorizer and its routes with the settings."""
    client, api = stage.client("apigatewayv2"), stage.output("HttpApiId")
    try:
        shown = client.get_stage(ApiId=api, StageName=stage.name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NotFoundException":
            raise
        yield Finding(fine=False, what=f"the API {api} has no stage {stage.name}", remedy=remedy)
        return
    failed = shown.get("LastDeploymentStatusMessage", "") if not shown.get("DeploymentId") else ""
    yield Finding(bool(shown.get("AutoDeploy")) and not failed, f"the API deploys its changes itself {failed}", remedy)
    checked = [each["JwtConfiguration"] for each in client.get_authorizers(ApiId=api)["Items"]]
    wanted = {"Issuer": given.get("JwtIssuer"), "Audience": [given.get("JwtAudience")]}
    yield Finding(wanted in checked, "the API's authorizer has the stage's issuer and audience", remedy)
    routes = client.get_routes(ApiId=api)["Items"]
    unchecked = [each["RouteKey"] for each in routes if each.get("AuthorizationType") != "JWT"]
    closed = [key for key in unchecked if not key.endswith(OPEN)]
    yield none_of(closed, "routes of orders that need no token", remedy)
