"""FastAPI as a careful user tunes it, to accept only: one client, a fixed user agent, no parameter validation."""

import os
import uuid

import botocore.session
from botocore.config import Config
from fastapi import FastAPI
from mangum import Mangum

from chalicelib.domain.orders import NewOrder

_config = Config(user_agent="orders", parameter_validation=False)
_sqs = botocore.session.get_session().create_client("sqs", config=_config)
_QUEUE = os.environ["ORDER_QUEUE_URL"]
app = FastAPI(openapi_url=None)


@app.post("/orders", status_code=202)
def place_order(order: NewOrder) -> dict[str, str]:
    order_id = uuid.uuid4().hex
    _sqs.send_message(QueueUrl=_QUEUE, MessageBody=f'{{"order_id": "{order_id}", "order": {order.model_dump_json()}}}')
    return {"order_id": order_id, "status": "accepted"}


handler = Mangum(app, lifespan="off")
