"""`ordersctl run`: it starts, takes an order, and prints its progress."""

import os
import re
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import boto3
import pytest

from ordersctl.shared import project
from ordersctl.shared.engine_client import client_options
from testkit.servers import processes
from testkit.servers.local_run import LocalRun
from testkit.waiting import eventually, free_port


def pasted(line: str) -> str:
    """Run a line in a shell, as someone does who pastes it."""
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=30, check=True)  # noqa: S603, S607 - our own line
    return done.stdout


def progress_of(run: LocalRun, order_id: str) -> str:
    """Wait for the line about an order, and return it."""

    def look() -> str:
        return next((line for line in run.said().splitlines() if order_id[:12] in line), "")

    return eventually(look)


def place(run: LocalRun) -> str:
    answer = pasted(run.curl())
    assert " 202 " in answer, answer
    found = re.search(r"ord_[0-9a-z]{32}", answer)
    assert found
    return found.group()


def test_the_printed_curl_line_places_an_order_whose_progress_is_printed(local_run: LocalRun) -> None:
    line = progress_of(local_run, place(local_run))

    assert re.fullmatch(
        r"\d\d:\d\d:\d\d  ord_\w{32}  17850  £15\.30  placed \+\d+ ms → published \+\d+ ms",
        line,
    )


@pytest.mark.full  # about the command, not about the service
def test_what_it_prints_on_a_terminal_of_80_columns_fits_it(tmp_path: Path) -> None:
    terminal, its_end = os.openpty()
    termios.tcsetwinsize(its_end, (24, 80))
    file = project.PROJECT_DIR / "tests/data/online-retail-cut.csv"
    ports = [str(part) for name in ("--port", "--engine-port", "--console-port") for part in (name, free_port())]
    command = [sys.executable, "-m", "ordersctl", "run", *ports, "--state-dir", str(tmp_path), "--seed", str(file)]
    run = processes.start(command, stdout=its_end)
    os.close(its_end)
    printed: list[str] = []
    try:
        with os.fdopen(terminal, encoding="utf-8") as lines:
            for line in lines:
                printed.append(line.rstrip("\n"))
                if sum("→ published" in each for each in printed) == 5:
                    break
    finally:
        run.send_signal(signal.SIGINT)
        run.wait(10)

    for sign in ("→ published", "  API ", "  console ", "  engine ", "Ctrl-C stops", "+286 ms is"):
        assert max(len(each) for each in printed if sign in each) <= 80
    assert all("…  " in each for each in printed if "→ published" in each)  # it knows the terminal's width


@pytest.mark.parametrize("reporting", ["1", "0"])
def test_an_invalid_message_is_quarantined_and_reported_while_orders_are_processed(
    tmp_path: Path, reporting: str
) -> None:
    run = LocalRun.start(tmp_path, REPORT_BATCH_ITEM_FAILURES=reporting)
    try:
        sqs = boto3.client("sqs", **client_options(run.ready().engine_url))
        queue_url = sqs.get_queue_url(QueueName="orders-local-queue")["QueueUrl"]

        sqs.send_message(QueueUrl=queue_url, MessageBody="garbage")
        order_id = place(run)

        progress_of(run, order_id)
        eventually(lambda: "quarantined: 1 more in orders-local-queue-dlq (1 now)" in run.said())
    finally:
        run.stop()


@pytest.mark.full  # about the command, not about the service
def test_settings_of_the_machine_for_aws_and_proxies_are_ignored(tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    run = LocalRun.start(
        tmp_path, AWS_PROFILE="nobody", AWS_ENDPOINT_URL_SQS=nowhere, HTTP_PROXY=nowhere, http_proxy=nowhere
    )
    try:
        progress_of(run.ready(), place(run))
    finally:
        run.stop()


@pytest.mark.full  # about the command, not about the service
def test_it_is_ready_within_ten_seconds(tmp_path: Path) -> None:
    before = time.monotonic()
    run = LocalRun.start(tmp_path)
    try:
        run.ready()
        assert time.monotonic() - before < 10
    finally:
        run.stop()


@pytest.mark.full  # about the command, not about the service
def test_sample_orders_are_placed_at_the_start_and_their_log_is_named(tmp_path: Path) -> None:
    file = project.PROJECT_DIR / "tests/data/online-retail-cut.csv"
    run = LocalRun.start(tmp_path, "--seed", str(file))
    try:
        run.ready()
        eventually(lambda: "The sample orders are placed: see logs/seed.log" in run.said(), within=20)
        eventually(lambda: run.said().count("→ published") == 5)
    finally:
        run.stop()
