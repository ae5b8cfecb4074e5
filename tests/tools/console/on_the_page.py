"""What the tests of the console read on its page, click there, and put into its queues."""

import re
from typing import Any

import boto3
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from ordersctl.shared.engine_client import client_options
from testkit.servers.local_run import LocalRun

SERIOUS = {"serious", "critical"}


def number(page: Page, station: str) -> int:
    return digits(page.locator(f'[data-station="{station}"] .number'))


def digits(found: Locator) -> int:
    return int(re.sub(r"\D", "", found.inner_text()))


def click(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).first.click()


def done(page: Page, words: str) -> None:
    expect(page.get_by_role("log").get_by_text(words, exact=True).first).to_be_visible()


def dead_letter(run: LocalRun, queue: str, body: str, reason: str) -> None:
    sqs = boto3.client("sqs", **client_options(run.engine_url))
    attributes: Any = {"reason": {"DataType": "String", "StringValue": reason}}
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes)


def log_of(run: LocalRun, name: str) -> str:
    return (run.state_dir / "logs" / f"{name}.log").read_text()


def findings(page: Page) -> list[str]:
    violations = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {[node['html'][:200] for node in each['nodes']]}"
        for each in violations
        if each["impact"] in SERIOUS
    ]
