"""A shop on MySQL and the stage that its orders move to."""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import Result

from chalicelib.adapters import order_items
from chalicelib.domain import order_ids
from chalicelib.domain.orders import ErasedOrder, Order
from ordersctl.shared.project import PROJECT_DIR
from testkit.servers.mariadb import MariaDb
from tests.tools.operate.stage import TABLE, OperatedStage

SAMPLES = PROJECT_DIR / "examples" / "migrate"
CLASSIC = """\
INSERT INTO customers VALUES (103, 'Ann Lee', '1 High Street', NULL, 'Leeds', '', 'LS1 1AA', 'UK'),
  (112, 'Café Señor', '8 Rue Neuve', 'b', 'Nantes', NULL, '44000', 'France');
INSERT INTO products VALUES ('S10_1678', '1969 Harley', 48.81), ('S10_1949', '1952 Alpine', 98.58);
INSERT INTO orders VALUES (10100, '2003-01-06', '2003-01-13', '2003-01-10', 'Shipped', NULL, 103),
  (10101, '2003-07-09', '2003-07-18', NULL, 'In Process', 'call first', 112),
  (10102, '2003-07-10', '2003-07-18', NULL, 'On Hold', NULL, 103),
  (10103, '2004-01-29', '2004-02-07', NULL, 'Cancelled', 'naïve — dash', 112);
INSERT INTO orderdetails VALUES (10100, 'S10_1678', 30, 81.35, 2), (10100, 'S10_1949', 5, 100.00, 1),
  (10101, 'S10_1949', 2, 99.99, 1), (10102, 'S10_1678', 1, 80.00, 1), (10103, 'S10_1678', 3, 80.50, 1);
"""


@dataclass
class Shop:
    """A database of its own, a mapping file for it, and the stage's commands."""

    server: MariaDb
    stage: OperatedStage
    mapping: Path
    database: str

    @classmethod
    def open(
        cls, server: MariaDb, engine_url: str, directory: Path, *, sample: str = "classic", content: str = CLASSIC
    ) -> "Shop":
        database = f"shop_{abs(hash(directory)) % 10**9}"
        server.run(f"CREATE DATABASE {database} DEFAULT CHARSET utf8mb4")
        server.load((SAMPLES / "schemas" / f"{sample}.sql").read_text(), database)
        server.load(content, database)
        mapping = directory / f"{sample}.toml"
        mapping.write_text(
            re.sub(r'(?m)^database = ".*?"', f'database = "{database}"', (SAMPLES / f"{sample}.toml").read_text())
        )
        stage = OperatedStage(engine_url, directory / "state")
        stage.empty()
        stage.environment |= {
            "ORDERS_SOURCE_HOST": "127.0.0.1",
            "ORDERS_SOURCE_PORT": str(server.port),
            "ORDERS_SOURCE_USER": "root",
            "ORDERS_SOURCE_PASSWORD": "",
        }
        return cls(server, stage, mapping, database)

    # --- the shop

    def sql(self, *statements: str) -> None:
        """Run statements in the shop, each a transaction."""
        self.server.run(*statements, database=self.database)

    def transaction(self, *statements: str) -> None:
        self.server.run("BEGIN", *statements, "COMMIT", database=self.database)

    def fill(self, count: int) -> None:
        """Insert more orders, numbered from 20,000 on, of one or two lines."""
        numbers = range(20_000, 20_000 + count)
        orders, lines = [], []
        for number in numbers:
            day, customer = f"2024-05-{1 + number % 28:02d}", (103, 112)[number % 2]
            orders.append(f"({number}, '{day}', '2024-06-01', NULL, 'Shipped', NULL, {customer})")
            lines.append(f"({number}, 'S10_1678', {1 + number % 9}, 12.34, 1)")
            lines += [f"({number}, 'S10_1949', 2, 5.00, 2)"] * (number % 2)
        for table, rows in (("orders", orders), ("orderdetails", lines)):
            self.sql(f"INSERT INTO {table} VALUES {', '.join(rows)}")  # noqa: S608

    # --- the commands

    def arguments(self, command: str, *options: str) -> list[str]:
        return ["migrate", command, "--mapping", str(self.mapping), *options]

    def run(self, command: str, *options: str) -> Result:
        result = self.stage.run(*self.arguments(command, *options))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def json(self, command: str, *options: str) -> dict[str, Any]:
        """Run a command that must succeed, and read the JSON that it prints."""
        result = self.run(command, *options, "--json")
        assert result.exit_code == 0, result.output
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    def start(self, command: str, *options: str) -> "subprocess.Popen[str]":
        """Start a command in a process of its own, which the stage ends."""
        return self.stage.start(*self.arguments(command, *options))

    def process_environment(self) -> dict[str, str]:
        """The environment of a command in a process of its own."""
        return {**os.environ, **self.stage.environment}

    def follow(self, *options: str) -> dict[str, Any]:
        return self.json("follow", "--until-caught-up", *options)

    # --- the table

    def order_id(self, number: int) -> str:
        secret = self.stage.secrets.get_secret_value(SecretId="orders-local-id-secret")["SecretString"].encode()
        name = re.search(r'(?m)^name = "(.+?)"', self.mapping.read_text())
        assert name
        return order_ids.mint_imported(secret, name[1], str(number))

    def item(self, number: int) -> dict[str, Any]:
        answer = self.stage.dynamodb.get_item(
            TableName=TABLE, Key=order_items.key(self.order_id(number)), ConsistentRead=True
        )
        return dict(answer.get("Item", {}))

    def order(self, number: int) -> Order:
        """The order as it is stored, which must not be erased."""
        stored = order_items.from_item(self.item(number))
        assert isinstance(stored, Order)
        return stored

    def is_erased(self, number: int) -> bool:
        return isinstance(order_items.from_item(self.item(number)), ErasedOrder)
