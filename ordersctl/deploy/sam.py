"""The SAM transform, as AWS runs it over a packaged template; here for checking what comes out."""

import copy

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from ordersctl.shared.templates import Template

CODE = "s3://bucket/deployment.zip"  # SAM wants an address, and never looks there


def translated(template: Template, code: str = CODE) -> Template:
    """Return the plain CloudFormation template that a SAM template stands for, its functions' code at an address."""
    document = copy.deepcopy(template)
    for resource in document["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = code
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            resource["Properties"]["ContentUri"] = code
    session = boto3.Session(region_name="us-east-1")
    # The last argument is for managed policies named in a template; here every policy stands in it.
    result: Template = Translator({}, Parser(), boto_session=session).translate(document, {})
    return result
