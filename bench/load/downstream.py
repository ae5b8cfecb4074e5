"""The three downstream services, 20 ms of work each: by HTTP for the monolith, by queue for this service.

`python -m bench.load.downstream PORT ENGINE_URL`. They share one process: stopping it (SIGSTOP) is the outage of all
three.
"""

import sys
import threading
import time
from http.server import ThreadingHTTPServer

import boto3

from bench.peers.monolith import SERVICES
from ordersctl.shared.engine_client import client_options
from testkit.aws_stub import Handler, Server

WORK_SECONDS = 0.020


def consume(engine_url: str, service: str) -> None:
    sqs = boto3.client("sqs", **client_options(engine_url))
    url = sqs.get_queue_url(QueueName=f"orders-local-{service}")["QueueUrl"]
    while True:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
        if messages:
            time.sleep(WORK_SECONDS)  # stands for the work of the service
            entries = [{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(messages)]
            sqs.delete_message_batch(QueueUrl=url, Entries=entries)  # type: ignore[arg-type]  # the stubs want a TypedDict


if __name__ == "__main__":
    for name in SERVICES:
        threading.Thread(target=consume, args=(sys.argv[2], name), daemon=True).start()
    server: ThreadingHTTPServer = Server(int(sys.argv[1]), WORK_SECONDS, {})
    assert server.RequestHandlerClass is Handler  # noqa: S101 - it answers 200 to any POST
    server.serve_forever()
