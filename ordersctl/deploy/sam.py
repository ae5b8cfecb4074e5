"""The SAM transform, as AWS applies it to a packaged template; here for checks of the result."""

import copy

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from ordersctl.shared.templates import Template

CODE = "s3://bucket/deployment.zip"  # SAM requires a URI, and does not read it


def translated(template: Template, code: str = CODE) -> Template:
    """Return the plain CloudFormation template of a SAM template, with its functions' code at the URI `code`."""
    document = copy.deepcopy(template)
    for resource in document["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = code
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            resource["Properties"]["ContentUri"] = code
    session = boto3.Session(region_name="us-east-1")
    # The last argument is for managed policies that a template names; ours contains every policy itself.
    result: Template = Translator({}, Parser(), boto_session=session).translate(document, {})
    return result
