"""`migrate compare`: the shop and the API are asked about the same orders."""

import http.server
import json
import threading
from typing import Any

import pytest

from tests.tools.migrate.moving import Moving

pytestmark = pytest.mark.full  # a whole local run, and half a minute


def test_differences_are_grouped_by_field_and_cause(moving: Moving) -> None:
    shop = moving.shop
    mapping = shop.mapping.read_text()
    shop.mapping.write_text(mapping.replace("p.productName AS name", "UPPER(p.productName) AS name"))
    result = shop.run("compare", "--url", str(moving.api.base_url), "--orders", "24", "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [(each["field"], each["cause"], each["count"]) for each in found["differences"]] == [
        ("items", "another value in them", 24)
    ]
    shop.mapping.write_text(
        mapping.replace("p.productName AS name", "UPPER(p.productName) AS name").replace(
            "[compare]", '[compare]\nignore = ["items: another value in them"]'
        )
    )
    assert shop.json("compare", "--url", str(moving.api.base_url))["differences"] == []


def test_the_shops_own_api_is_asked_for_the_fields_that_the_mapping_names(moving: Moving) -> None:
    shop = moving.shop

    class ShopApi(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            number = int(self.path.rpartition("/")[2])
            self.send_response(404 if number == 10100 else 200)
            self.end_headers()
            if number != 10100:
                order = {"sum": shop.order(number).total + 1, "lines": [{"code": shop.order(number).items[0].sku}]}
                self.wfile.write(json.dumps({"order": order}).encode())

        def log_message(self, *_arguments: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), ShopApi) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        asked = f'order = "http://127.0.0.1:{server.server_port}/orders/{{key}}"\nfields = {{ total = "/order/sum" }}'
        shop.mapping.write_text(shop.mapping.read_text().replace("[compare]", f"[compare]\n{asked}"))
        result = shop.run("compare", "--url", str(moving.api.base_url), "--orders", "24", "--json")
        server.shutdown()
    found = {(each["field"], each["cause"]): each["count"] for each in json.loads(result.stdout)["differences"]}
    assert found == {("total", "rounding"): 23, ("order", "missing in the shop"): 1}
