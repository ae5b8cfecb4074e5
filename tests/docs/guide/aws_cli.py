"""A fake of the AWS CLI: the two commands that docs/guide/events.md uses, with the same arguments and output.

The page's lines were also run by the real one, version 1.46, which needs another release of botocore than the tests.
"""

import sys
from pathlib import Path
from typing import Any

import boto3
import jmespath


def main(service: str, command: str, *arguments: str) -> None:
    assert service == "cloudformation"
    options = dict(zip(arguments[::2], arguments[1::2], strict=True))
    client = boto3.client("cloudformation")
    stack = options.pop("--stack-name")
    if command == "deploy":
        name, _, value = options.pop("--parameter-overrides").partition("=")
        template = Path(options.pop("--template-file")).read_text()
        parameters: Any = [{"ParameterKey": name, "ParameterValue": value}]
        client.create_stack(StackName=stack, TemplateBody=template, Parameters=parameters)
        waiter = client.get_waiter("stack_create_complete")
        waiter.wait(StackName=stack, WaiterConfig={"Delay": 0, "MaxAttempts": 500})
    else:
        assert (command, options.pop("--output")) == ("describe-stacks", "text")
        print(*jmespath.search(options.pop("--query"), client.describe_stacks(StackName=stack)))
    assert not options


if __name__ == "__main__":
    main(*sys.argv[1:])
