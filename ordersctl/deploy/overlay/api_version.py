"""The version of a stage's API: a hash of what the API does, so that a changed setting goes live.

SAM names an API's deployment by the text of its definition, in which a setting is only the name of a parameter: a
stage would keep its deployment (https://github.com/aws/serverless-application-model/issues/914). With this hash in the
text, the deployment changes whenever the definition does under the stage's settings, and never otherwise.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ordersctl.deploy.overlay.intrinsics import Evaluation
from ordersctl.shared.templates import Template


def definition(template: Template, given: Mapping[str, str]) -> dict[str, Any]:
    """Return the API's OpenAPI document under these settings, without its version."""
    document = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    found: dict[str, Any] = Evaluation.of(template, given).resolved(document)
    return found | {"info": {name: each for name, each in found["info"].items() if name != "version"}}


def set_version(template: Template, given: Mapping[str, str]) -> None:
    """Write the version of the API under these settings into the template that is deployed with them."""
    if "RestAPI" not in template["Resources"]:
        return  # an HTTP API makes a deployment of each change itself
    text = json.dumps(definition(template, given), sort_keys=True)
    info = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["info"]
    info["version"] = hashlib.sha256(text.encode()).hexdigest()[:16]
