"""Accepting orders without Lambda: `POST /orders` goes from API Gateway straight to the order queue.

The definition made here is merged over the API's, and takes effect under the condition DirectAccept. The envelope is
written already encoded, so that nothing a client sends can end a string, an object or a form field: every value between
the constants is checked, or encoded as a whole.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from chalicelib.domain import commands
from chalicelib.domain.orders import NewOrder
from chalicelib.http import problem_document
from chalicelib.http.requests import MAX_BODY_BYTES

CONDITION = "WithDirectAccept"
_MODEL = "NewOrder"
_OF_OBJECTS = ("type", "required", "additionalProperties", "anyOf")
_UUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
# Where the authorizer's findings are, by the kind of authorizer. The built-in one has read the claim of the scopes.
_CLAIMS = {"Fn::If": ["WithCognito", "claims.", ""]}
_SCOPE = {"Fn::If": ["WithCognito", {"Ref": "ScopeClaim"}, "scope"]}
# What a reference in a template may name (Velocity user guide, "References").
RENDERABLE = "[A-Za-z][A-Za-z0-9_-]*"
# Cognito's authorizer hands claims on as text: what may have been null, a boolean or a fraction names nobody, as in
# chalicelib/http/auth/claims.py. A list begins with a bracket, which no expression can name without a backslash.
_NOBODY = "(?i)null|none|<nil>|undefined|true|false|-?[0-9]+[.][0-9]+(e[+-]?[0-9]+)?|-?[0-9]+e[+-][0-9]+|(map)?[{].*"
_NO_NAME_IS_NOBODY = {
    "Fn::If": [
        "WithCognito",
        f'#if($own.matches("{_NOBODY}") || $own.startsWith("[") || $own.startsWith("map["))#set($own="")#end',
        "",
    ]
}

# $input.params(name) would look into the query string first, and know a header in one case only (API Gateway guide,
# "Variables for data transformations"): the key is a header, in any case, and the customer a query parameter.
_KEY = (
    '#set($key="")#foreach($name in $input.params().header.keySet())#if($name.toLowerCase()=="idempotency-key")'
    "#set($key=$input.params().header.get($name))#end#end"
)
_NAMED = (
    '#set($named="")#foreach($name in $input.params().querystring.keySet())#if($name=="customer_id")'
    "#set($named=$input.params().querystring.get($name))#end#end"
)

# A request template cannot answer by itself. To refuse a request it calls an SQS action that does not exist, named
# after the reason; SQS's error repeats the name, and the response template answers accordingly.
_REFUSALS = {
    "NoUuidInIdempotencyKey": (400, "invalid-parameter", "Idempotency-Key is a UUID here"),
    "NoCustomerNamed": (400, "customer-required", "A service names the customer: ?customer_id=…"),
    "NotPermitted": (403, "forbidden", "The token does not allow this"),
    "BodyTooLarge": (413, "content-too-large", f"A body is at most {MAX_BODY_BYTES} bytes"),
}


def definition(headers: Mapping[str, str], preamble: str = "") -> dict[str, Any]:
    """Return what is merged over the API's OpenAPI document.

    Each answer has these headers too, and its template begins with the preamble, which may change them.
    """
    return {
        "definitions": {_MODEL: model()},
        # The key is checked by the template, which finds the header in any case.
        "x-amazon-apigateway-request-validators": {
            "body": {"validateRequestBody": True, "validateRequestParameters": False}
        },
        "paths": {
            "/orders": {
                "post": {
                    "parameters": _when(
                        [
                            {"name": "Idempotency-Key", "in": "header", "required": False, "type": "string"},
                            {"name": "customer_id", "in": "query", "required": False, "type": "string"},
                            {"name": _MODEL, "in": "body", "required": True, "schema": _reference(_MODEL)},
                        ]
                    ),
                    "x-amazon-apigateway-request-validator": _when("body"),
                    "responses": {str(status): _method_response(headers) for status in (202, 400, 403, 413, 503)},
                    "x-amazon-apigateway-integration": _integration(headers, preamble),
                }
            }
        },
    }


def model() -> dict[str, Any]:
    """Return the order's JSON Schema as API Gateway takes it: draft 4, in one piece, no value is null."""
    schema = NewOrder.model_json_schema()
    plain: dict[str, Any] = _plain(schema, schema["$defs"])
    return plain


def _plain(schema: Any, parts: dict[str, Any]) -> Any:
    match schema:
        case {"$ref": str(reference)}:
            return _plain(parts[reference.rpartition("/")[2]], parts)
        case {"anyOf": [value, {"type": "null"}]}:
            return _plain(value, parts)
        case {"properties": dict(properties)}:
            kept = {name: schema[name] for name in _OF_OBJECTS if name in schema}
            return kept | {"properties": {name: _plain(each, parts) for name, each in properties.items()}}
        case {"patternProperties": dict(by_pattern), "propertyNames": dict(names)}:  # draft 4 has no propertyNames
            kept = {name: schema[name] for name in ("type", "maxProperties", "additionalProperties")}
            of_length = f"{{1,{names['maxLength']}}}$"
            values = {name.replace("+$", of_length): _plain(each, parts) for name, each in by_pattern.items()}
            return kept | {"patternProperties": values}
        case dict():
            left_out = {"title", "default", "description", "$defs"}
            return {name: _plain(each, parts) for name, each in schema.items() if name not in left_out}
    return schema


def _integration(headers: Mapping[str, str], preamble: str) -> dict[str, Any]:
    accepted, refused = preamble + accepted_template(), preamble + refused_template()
    unavailable = preamble + problem(503, "unavailable", "The request may have taken effect")
    function = "lambda:path/2015-03-31/functions/${APIHandler.Arn}/invocations"
    queue = "sqs:path/${AWS::AccountId}/${OrderQueue.QueueName}"
    prefix = "arn:${AWS::Partition}:apigateway:${AWS::Region}:"
    uri = {"Fn::If": [CONDITION, {"Fn::Sub": prefix + queue}, {"Fn::Sub": prefix + function}]}
    return {
        "type": {"Fn::If": [CONDITION, "aws", "aws_proxy"]},
        "uri": {"Fn::Sub": ["${Uri}", {"Uri": uri}]},
        "credentials": _when({"Fn::GetAtt": ["DirectAcceptRole", "Arn"]}),
        "passthroughBehavior": {"Fn::If": [CONDITION, "never", "when_no_match"]},
        "requestParameters": _when({"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"}),
        "requestTemplates": _when({"application/json": {"Fn::Join": ["", request_template()]}}),
        "responses": {
            "2\\d{2}": _when(_answer("202", accepted, headers, "application/json")),
            "4\\d{2}": _when(_answer("400", refused, headers)),
            # Chalice's own default is 200: an unknown answer must not read as accepted.
            "default": {
                name: value if name == "statusCode" else _when(value)
                for name, value in _answer({"Fn::If": [CONDITION, "503", "200"]}, unavailable, headers).items()
            },
        },
    }


def request_template() -> list[Any]:
    """Return the parts of the template that turns a client's request into SQS's; CloudFormation joins them."""
    form = "Action=${action}&Version=2012-11-05${group}&MessageBody="
    return [
        '#set($own="${context.authorizer.',
        _CLAIMS,
        {"Ref": "CustomerClaim"},
        '}")',
        _NO_NAME_IS_NOBODY,
        '#set($scope=" ${context.authorizer.',
        _CLAIMS,
        _SCOPE,
        '} ")#set($spread="',
        {"Ref": "SpreadCustomers"},
        '")' + _checks() + _group() + _parts() + form,
        *_envelope(),
    ]


def _checks() -> str:
    """Find out who places the order ($customer), and why it is refused ($action)."""
    return (
        '#set($action="SendMessage")'
        f"{_KEY}{_NAMED}"
        '#set($customer=$own)#set($placedBy="customer")'
        '#if($scope.contains(" orders/service "))#set($customer=$named)#set($placedBy="service")'
        '#if($named=="")#set($action="NoCustomerNamed")#end'
        '#elseif(!$scope.contains(" orders/write "))#set($action="NotPermitted")'
        '#elseif($named!="" && $named!=$own)#set($action="NotPermitted")#end'
        # What chalicelib.domain.orders.CUSTOMER_ID_PATTERN says, in words that no reader of templates changes: a
        # template has its own meanings for backslash, # and $.
        "#set($id=$util.urlEncode($customer))"
        '#if($action=="SendMessage" && (!$customer.matches("[!-~]{1,128}") || $customer.matches("[.]{1,2}")'
        ' || $id.matches(".*%(2F|5C|23|3F|25).*")))#set($action="NotPermitted")#end'
        '#set($id=$id.replaceAll("%22","%5C%22"))'  # a quotation mark, within the envelope's JSON
        f'#if(!$key.matches("{_UUID}"))#set($action="NoUuidInIdempotencyKey")#end'
        f'#if($input.body.length()>{MAX_BODY_BYTES})#set($action="BodyTooLarge")#end'
    )


def _group() -> str:
    """Write the message's group ($group): the customer, and none where many persons share the customer's id.

    As OrderQueue.send has it. An id in the setting has no "=" and no comma.
    """
    return (
        '#set($group="&MessageGroupId=$util.urlEncode($customer)")'
        '#foreach($each in $spread.split(","))'
        '#if($each.startsWith("${customer}=") && $each.matches(".+:people"))#set($group="")#end'
        "#end"
    )


def _parts() -> str:
    """Split key and time into the parts of the envelope."""
    months = ",".join(f'"{name}":"{number:02}"' for number, name in enumerate(_MONTHS, 1))
    return (
        '#set($hex=$key.replaceAll("-","").toLowerCase())'
        "#set($time=$context.requestTime)"  # as in 09/Apr/2026:12:34:56 +0000
        f"#set($months={{{months}}})"
        "#set($month=$months.get($time.substring(3,6)))"
        '#set($epoch="${context.requestTimeEpoch}")'
    )


def _envelope() -> list[Any]:
    """Return the parts of the command as commands.encode writes it, encoded for a form body."""
    members = {
        "type": "PlaceOrder",
        "version": commands.VERSION,
        "revision": commands.REVISION,  # any: a template cannot see which of them the order needs
        "order_id": "ord_${hex}",
        "customer_id": "$id",
        "placed_at": "${time.substring(7,11)}-${month}-${time.substring(0,2)}"
        "T$util.urlEncode($time.substring(12,20)).${epoch.substring(10,13)}Z",
        "correlation_id": "$util.urlEncode($context.requestId)",
    }
    head = quote(json.dumps(members, separators=(",", ":")), safe="${}().,_-'")
    head = head.removesuffix("}").replace("{%22", "%7B%22", 1)
    by_whom = {"Fn::If": ["WithCheckedPrices", "%2C%22placed_by%22%3A%22${placedBy}%22", ""]}
    return [head, by_whom, "%2C%22order%22%3A$util.urlEncode($input.json('$'))%7D"]


def accepted_template() -> str:
    """Return the template of the 202: order id and status, and a Location header."""
    return (
        f'{_KEY}{_NAMED}#set($hex=$key.replaceAll("-","").toLowerCase())'
        '#set($query="")#if($named!="")#set($query="?customer_id=$util.urlEncode($named)")#end'
        '#set($context.responseOverride.header.Location="${context.path}/ord_${hex}${query}")'
        '{"order_id": "ord_${hex}", "status": "accepted"}'
    )


def refused_template() -> str:
    """Return the template of a refusal, which finds the reason in SQS's error."""
    branches = "".join(
        f'#{"if" if index == 0 else "elseif"}($input.body.contains("{name}"))'
        f"#set($context.responseOverride.status={status}){problem(status, slug, detail)}"
        for index, (name, (status, slug, detail)) in enumerate(_REFUSALS.items())
    )
    unavailable = problem(503, "unavailable", "The request may have taken effect")
    return branches + f"#else#set($context.responseOverride.status=503){unavailable}#end"


def problem(status: int, slug: str, detail: str) -> str:
    document = problem_document.document(slug, status, detail, "$context.requestId")
    return json.dumps(document, ensure_ascii=False)


def _answer(
    status: Any, template: str, headers: Mapping[str, str], content_type: str = problem_document.CONTENT_TYPE
) -> dict[str, Any]:
    return {
        "statusCode": status,
        "responseParameters": {
            "method.response.header.Content-Type": f"'{content_type}'",
            "method.response.header.Retry-After": "'1'",
            "method.response.header.Cache-Control": "'no-store'",
            "method.response.header.X-Content-Type-Options": "'nosniff'",
            "method.response.header.X-Request-Id": "context.requestId",
            **{f"method.response.header.{name}": value for name, value in headers.items()},
        },
        "responseTemplates": {"application/json": template},
    }


def _method_response(headers: Mapping[str, str]) -> dict[str, Any]:
    names = ("Location", "Retry-After", "Cache-Control", "X-Content-Type-Options", "X-Request-Id", "Content-Type")
    return {"description": "", "headers": {name: {"type": "string"} for name in (*names, *headers)}}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/definitions/{name}"}


def _when(value: Any) -> dict[str, Any]:
    return {"Fn::If": [CONDITION, value, {"Ref": "AWS::NoValue"}]}
