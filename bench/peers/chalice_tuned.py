"""Chalice as a careful user tunes it, to accept only: one client, a fixed user agent, no parameter validation."""

import json
import os
import uuid
from datetime import UTC, datetime

import botocore.session
from botocore.config import Config
from chalice.app import AuthRequest, AuthResponse, BadRequestError, Chalice, Response
from pydantic import ValidationError

from chalicelib.domain.orders import NewOrder

app = Chalice(app_name="orders")
_config = Config(user_agent="orders", parameter_validation=False)
_sqs = botocore.session.get_session().create_client("sqs", config=_config)
_QUEUE = os.environ["ORDER_QUEUE_URL"]


@app.authorizer(ttl_seconds=300)
def authorizer(auth_request: AuthRequest) -> AuthResponse:
    return AuthResponse(routes=["*"], principal_id=auth_request.token)


@app.route("/orders", methods=["POST"], authorizer=authorizer)
def place_order() -> Response:
    request = app.current_request
    try:
        order = NewOrder.model_validate_json(request.raw_body)
    except ValidationError as error:
        raise BadRequestError(str(error)) from error
    order_id = uuid.uuid4().hex
    command = {
        "order_id": order_id,
        "customer_id": request.context["authorizer"]["sub"],
        "placed_at": datetime.now(UTC).isoformat(),
        "order": order.model_dump(),
    }
    _sqs.send_message(QueueUrl=_QUEUE, MessageBody=json.dumps(command))
    app.log.info("accepted %s", order_id)
    return Response({"order_id": order_id, "status": "accepted"}, status_code=202)
