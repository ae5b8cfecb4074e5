"""`ordersctl smoke`: an order through the whole local run, and a run in which something does not work."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import click
import pytest

from ordersctl.client.smoke import recorded_url
from ordersctl.shared.project import PROJECT_DIR
from testkit.servers.local_run import LocalRun
from testkit.waiting import free_port

pytestmark = pytest.mark.full  # about the command, not about the service


def smoke(run: LocalRun, *options: str, url: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "ordersctl", "smoke", "--url", url or run.url, *options],
        env={**os.environ, "AWS_ENDPOINT_URL": run.engine_url},
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def results(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    return {each["step"]: each["result"] for each in json.loads(done.stdout)}


def test_every_step_of_an_order_is_as_it_should_be(clean_run: LocalRun) -> None:
    done = smoke(clean_run)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["ok"] * 9 + ["left"]
    assert "its events are published: order.changed, order.placed" in done.stdout
    assert "it is taken back: 204; then 410" in done.stdout
    assert lines[-1] == "local: 9 steps, all as they should be"


def test_a_token_that_is_not_taken_is_reported_and_what_builds_on_it_is_left_out(clean_run: LocalRun) -> None:
    done = smoke(clean_run, "--token", "nonsense", "--json")
    assert done.returncode == 1
    assert results(done) == {
        "the API answers": "ok",
        "a request without a token is refused": "ok",
        "an order is accepted": "FAILED",
        "it is stored": "left out",
        "it is listed": "left out",
        "it is changed": "left out",
        "its events are published": "left out",
        "it is taken back": "left out",
        "no dead letters": "ok",
        "no alarm": "left out",
    }
    assert "1 of 10 steps failed" in done.stderr


def test_an_address_where_nothing_answers_is_reported(clean_run: LocalRun) -> None:
    done = smoke(clean_run, "--json", url=f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 1
    assert results(done)["the API answers"] == "FAILED"


class BehindAKey(BaseHTTPRequestHandler):
    """As API Gateway with ApiKeys: 403 without a valid key, 401 without a token."""

    def do_GET(self) -> None:
        has_token = "Authorization" in self.headers
        self.send_response((200 if has_token else 401) if self.headers["x-api-key"] == "k1" else 403)
        self.end_headers()

    do_POST = do_GET  # noqa: N815


def test_a_stage_with_api_keys_is_called_with_one(clean_run: LocalRun) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BehindAKey)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    without, with_key = (smoke(clean_run, "--json", *key, url=url) for key in ((), ("--api-key", "k1")))
    server.shutdown()
    server.server_close()
    assert list(results(without).values())[:2] == ["FAILED"] * 2
    assert list(results(with_key).values())[:2] == ["ok"] * 2


def test_the_address_of_a_plain_stage_is_the_one_that_chalice_wrote_down(tmp_path: Path) -> None:
    file = tmp_path / "dev.json"
    resources = [{"name": "api_handler"}, {"name": "rest_api", "rest_api_url": "https://a1.example/api/"}]
    file.write_text(json.dumps({"resources": resources}))
    assert recorded_url(file) == "https://a1.example/api"
    with pytest.raises(click.UsageError, match="give it by --url"):
        recorded_url(tmp_path / "prod.json")
