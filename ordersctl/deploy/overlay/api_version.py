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
    return _without_version(Evaluation.of(template, given).resolved(document))


def set_version(template: Template, given: Mapping[str, str]) -> None:
    """Write the version of each API under these settings into the template that is deployed with them."""
    evaluation = Evaluation.of(template, given)
    for resource in template["Resources"].values():
        if document := resource.get("Properties", {}).get("DefinitionBody"):
            text = json.dumps(_without_version(evaluation.resolved(document)), sort_keys=True)
            document["info"]["version"] = hashlib.sha256(text.encode()).hexdigest()[:16]


def _without_version(document: dict[str, Any]) -> dict[str, Any]:
    return document | {"info": {name: each for name, each in document["info"].items() if name != "version"}}
