"""`ordersctl deploy`: a packaged stage as one stack. It can be run again, whatever became of the last time."""

import hashlib
import json
from pathlib import Path
from typing import Any

import click
from botocore.exceptions import ClientError

from ordersctl.deploy.package import BUILD, TEMPLATE
from ordersctl.deploy.plans import carry_out
from ordersctl.deploy.stack import Stack
from ordersctl.shared import templates
from ordersctl.shared.stage import Stage, with_stage


@click.command()
@click.option("--from", "directory", type=click.Path(path_type=Path, file_okay=False), help="Default: build/<stage>.")
@click.option("--bucket", help="Where packages go. Default: orders-artifacts-<account>-<region>, made when needed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_stage
def deploy(stage: Stage, directory: Path | None, bucket: str | None, *, yes: bool) -> None:
    """Upload what `ordersctl package` made, and change the stage's stack to it."""
    directory = directory or BUILD / stage.name
    if not (directory / TEMPLATE).exists():
        raise click.ClickException(f"{directory} holds no package: make package STAGE={stage.name}")
    template = json.loads((directory / TEMPLATE).read_text())
    given, tags = templates.stage_settings(stage.name)
    parameters = templates.checked_parameters(template, given)
    client = stage.client("cloudformation")
    seconds = template["Resources"]["ProcessOrders"]["Properties"]["Timeout"]
    templates.check_together(given, region=client.meta.region_name, timeout_seconds=seconds)
    if not stage.is_local and not given.get("CognitoUserPoolArn"):
        templates.check_issuer(f"JwtIssuer in infra/stages/{stage.name}.json", given.get("JwtIssuer", ""))
    stack = Stack(client, f"orders-{stage.name}")
    check_not_plain(stage, stack)
    url = upload(stage, template, directory, bucket)
    carry_out(stack, stack.plan({"TemplateURL": url}, parameters, tags), yes=yes)
    click.echo(stack.outputs()["EndpointURL"])


def check_not_plain(stage: Stage, stack: Stack) -> None:
    """Raise ClickException if the stage has functions that are not the stack's: theirs are the names it would use."""
    if stack.is_whole or stack.is_half_made:
        return
    try:
        stage.client("lambda").get_function_configuration(FunctionName=f"orders-{stage.name}-process-orders")
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return
    raise click.ClickException(
        f"stage {stage.name} was deployed by chalice deploy, and its functions have the names that the stack needs. "
        f"Go on with ordersctl provision and chalice deploy, or first: chalice delete --stage {stage.name}"
    )


def upload(stage: Stage, template: templates.Template, directory: Path, bucket: str | None) -> str:
    """Put code and template where CloudFormation reads them; returns the template's address.

    Both are named by what they hold: the same package is no change, and rolling back finds the old one.
    """
    s3 = stage.client("s3")
    bucket = bucket or _own_bucket(stage, s3)
    for resource in template["Resources"].values():
        for name in ("CodeUri", "ContentUri"):
            if isinstance(file := resource.get("Properties", {}).get(name), str):
                resource["Properties"][name] = f"s3://{bucket}/{_put(s3, bucket, stage.name, directory / file)}"
    compact = directory / "template.json"
    compact.write_text(json.dumps(template, separators=(",", ":")))
    return f"{s3.meta.endpoint_url}/{bucket}/{_put(s3, bucket, stage.name, compact)}"


def _put(s3: Any, bucket: str, stage: str, file: Path) -> str:
    content = file.read_bytes()
    key = f"{stage}/{hashlib.sha256(content).hexdigest()}{file.suffix}"
    s3.put_object(Bucket=bucket, Key=key, Body=content)
    return key


def _own_bucket(stage: Stage, s3: Any) -> str:
    account = stage.client("sts").get_caller_identity()["Account"]
    region = s3.meta.region_name
    bucket = f"orders-artifacts-{account}-{region}"
    try:
        s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=account)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"404", "NoSuchBucket"}:
            raise
        # us-east-1 is the one region that must not be named.
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=bucket, **where)
        s3.put_public_access_block(
            Bucket=bucket,
            PublicAccessBlockConfiguration=dict.fromkeys(
                ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
            ),
        )
    return bucket
