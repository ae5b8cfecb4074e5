"""Uploading a package to S3, from where CloudFormation and Lambda read it."""

import hashlib
import json
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from ordersctl.shared.stage import Stage
from ordersctl.shared.templates import Template


def upload(stage: Stage, template: Template, directory: Path, bucket: str | None) -> str:
    """Upload code and template; returns the template's URL. Without a bucket, the account's own is created and used.

    Both files are named by their content: the same package is no change, and a rollback finds the old package.
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
        # S3 refuses us-east-1 as a location: it is the default.
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=bucket, **where)
        s3.put_public_access_block(
            Bucket=bucket,
            PublicAccessBlockConfiguration=dict.fromkeys(
                ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
            ),
        )
    return bucket
