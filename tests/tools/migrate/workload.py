"""A shop at work: `workload SCHEMA PORT DATABASE SEED STOP` changes orders until the file STOP exists.

New orders, statuses, lines, customers, deletes and re-inserts, other numbers, bulk updates, rollbacks.
"""

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymysql

PRODUCTS = ("S10_1678", "S10_1949")
STATUSES = ("In Process", "On Hold", "Shipped", "Cancelled", "Resolved", "Disputed")


class Writer:
    """One writer of a schema, with its own range of order numbers."""

    first_orders: tuple[int, ...] = ()

    def __init__(self, cursor: Any, seed: int) -> None:
        self.cursor, self.random = cursor, random.Random(seed)
        self.next = 1_000_000 * (seed + 1)
        self.known = list(self.first_orders)
        self.done: dict[str, int] = {}

    def steps(self) -> list[Callable[[int], None]]:
        """What it may do, the likelier ones several times."""
        raise NotImplementedError

    def step(self) -> None:
        """Do one thing, as a transaction."""
        step = self.random.choice(self.steps())
        try:
            self.cursor.execute("BEGIN")
            step(self.random.choice(self.known))
            self.cursor.execute("COMMIT")
        except pymysql.MySQLError:
            self.cursor.execute("ROLLBACK")
        else:
            self.done[step.__name__] = self.done.get(step.__name__, 0) + 1

    def number(self) -> int:
        """The number of a new order."""
        self.next += 1
        self.known.append(self.next)
        return self.next

    def _run(self, statement: str, *values: Any) -> None:
        self.cursor.execute(statement, values)


class Classic(Writer):
    """Writes the small classic schema."""

    first_orders = (10100, 10101, 10102, 10103)

    def steps(self) -> list[Callable[[int], None]]:
        likely = [self.new] * 4 + [self.status] * 3 + [self.line] * 2
        rare = [self.note, self.relines, self.delete, self.reinsert, self.customer, self.reassign, self.renumber]
        return [*likely, *rare, self.bulk, self.rollback]

    def new(self, _number: int) -> None:
        self._insert(self.number())

    def status(self, number: int) -> None:
        self._run("UPDATE orders SET status = %s WHERE orderNumber = %s", self.random.choice(STATUSES), number)

    def line(self, number: int) -> None:
        self._run(
            "UPDATE orderdetails SET quantityOrdered = quantityOrdered + 1 WHERE orderNumber = %s LIMIT 1", number
        )

    def note(self, number: int) -> None:
        self._run("UPDATE orders SET comments = %s WHERE orderNumber = %s", f"café {self.random.random()}", number)

    def relines(self, number: int) -> None:
        self.cursor.execute("SELECT 1 FROM orders WHERE orderNumber = %s FOR UPDATE", (number,))
        if self.cursor.fetchone():
            self._run("DELETE FROM orderdetails WHERE orderNumber = %s", number)
            self._lines(number)

    def delete(self, number: int) -> None:
        self._run("DELETE FROM orders WHERE orderNumber = %s", number)  # its lines by cascade

    def reinsert(self, number: int) -> None:
        self.delete(number)
        self.cursor.execute("COMMIT")
        self.cursor.execute("BEGIN")
        self._insert(number)

    def customer(self, _number: int) -> None:
        city = f"Town {self.random.randint(1, 99)}"
        self._run("UPDATE customers SET city = %s WHERE customerNumber = %s", city, self.random.choice((103, 112)))

    def reassign(self, number: int) -> None:
        customer = self.random.choice((103, 112))
        self._run("UPDATE orders SET customerNumber = %s WHERE orderNumber = %s", customer, number)

    def renumber(self, number: int) -> None:
        new = self.number()
        self._run("SET foreign_key_checks = 0")
        self._run("UPDATE orders SET orderNumber = %s WHERE orderNumber = %s", new, number)
        self._run("UPDATE orderdetails SET orderNumber = %s WHERE orderNumber = %s", new, number)
        self._run("SET foreign_key_checks = 1")

    def bulk(self, number: int) -> None:
        self._run("UPDATE orders SET comments = 'bulk' WHERE orderNumber BETWEEN %s AND %s", number, number + 50)

    def rollback(self, number: int) -> None:
        self._run("UPDATE orders SET comments = 'never' WHERE orderNumber = %s", number)
        self.cursor.execute("ROLLBACK")

    def _insert(self, number: int) -> None:
        status, customer = self.random.choice(STATUSES), self.random.choice((103, 112))
        self._run(
            "INSERT INTO orders VALUES (%s, '2026-11-28', '2026-12-05', NULL, %s, NULL, %s)", number, status, customer
        )
        self._lines(number)

    def _lines(self, number: int) -> None:
        for place, product in enumerate(self.random.sample(PRODUCTS, self.random.randint(1, 2)), 1):
            quantity, price = self.random.randint(1, 50), f"{self.random.randint(100, 20_000) / 100:.2f}"
            self._run("INSERT INTO orderdetails VALUES (%s, %s, %s, %s, %s)", number, product, quantity, price, place)


class OpenCart(Writer):
    """Writes OpenCart's tables, which have no foreign keys. The first orders are those of a writer with the seed 0."""

    first_orders = tuple(range(1_000_001, 1_000_051))

    def steps(self) -> list[Callable[[int], None]]:
        likely = [self.new] * 4 + [self.status] * 3 + [self.line] * 2
        return [
            *likely,
            self.comment,
            self.relines,
            self.shipping,
            self.delete,
            self.renumber,
            self.bulk,
            self.rollback,
        ]

    def new(self, _number: int) -> None:
        number, address = self.number(), ("Ann", "Lee", "1 High Street", "Leeds", "LS1 1AA", 222)
        self._run(
            "INSERT INTO oc_order VALUES (%s, 'INV-', %s, 'Ann', 'Lee', 'ann@shop.example', '0113', %s, %s, %s, "
            "%s, %s, %s, %s, %s, '', %s, '', %s, %s, %s, '', '', 0, 1, 'GBP', 1, '2026-11-28', '2026-11-28', "
            "'Lee & Co', 'Floor 2', 'Yorkshire')",
            *(number, number % 7, *address, *address),
        )
        self._lines(number)

    def status(self, number: int) -> None:
        status = self.random.choice((1, 2, 3, 5, 7))
        self._run("UPDATE oc_order SET order_status_id = %s WHERE order_id = %s", status, number)

    def line(self, number: int) -> None:
        self._run("UPDATE oc_order_product SET quantity = quantity + 1 WHERE order_id = %s LIMIT 1", number)

    def comment(self, number: int) -> None:
        self._run("UPDATE oc_order SET comment = %s WHERE order_id = %s", f"café {self.random.random()}", number)

    def relines(self, number: int) -> None:
        self.cursor.execute("SELECT 1 FROM oc_order WHERE order_id = %s FOR UPDATE", (number,))
        if self.cursor.fetchone():
            self._run("DELETE FROM oc_order_product WHERE order_id = %s", number)
            self._lines(number)

    def shipping(self, number: int) -> None:
        amount = self.random.randint(0, 900) / 100
        self._run("UPDATE oc_order_total SET value = %s WHERE code = 'shipping' AND order_id = %s", amount, number)

    def delete(self, number: int) -> None:
        for table in ("oc_order", "oc_order_product", "oc_order_total"):
            self._run(f"DELETE FROM {table} WHERE order_id = %s", number)  # noqa: S608

    def renumber(self, number: int) -> None:
        new = self.number()
        for table in ("oc_order", "oc_order_product", "oc_order_total"):
            self._run(f"UPDATE {table} SET order_id = %s WHERE order_id = %s", new, number)  # noqa: S608

    def bulk(self, number: int) -> None:
        self._run("UPDATE oc_order SET comment = 'bulk' WHERE order_id BETWEEN %s AND %s", number, number + 50)

    def rollback(self, number: int) -> None:
        self._run("UPDATE oc_order SET comment = 'never' WHERE order_id = %s", number)
        self.cursor.execute("ROLLBACK")

    def _lines(self, number: int) -> None:
        total = 0.0
        for model in self.random.sample(("85123A", "71053"), self.random.randint(1, 2)):
            quantity, price = self.random.randint(1, 9), self.random.randint(100, 9_000) / 100
            total += quantity * price
            self._run(
                "INSERT INTO oc_order_product (order_id, product_id, name, model, quantity, price, total, tax) "
                "VALUES (%s, 1, 'Lantern', %s, %s, %s, 0, 0)",
                *(number, model, quantity, price),
            )
        self._run("UPDATE oc_order SET total = %s WHERE order_id = %s", f"{total:.2f}", number)


def run() -> None:
    schema, port, database, seed, stop = sys.argv[1:]
    connection = pymysql.connect(
        host="127.0.0.1", port=int(port), user="root", database=database, charset="utf8mb4", autocommit=True
    )
    kinds: dict[str, type[Writer]] = {"classic": Classic, "opencart": OpenCart}
    writer = kinds[schema](connection.cursor(), int(seed))
    while not Path(stop).exists():
        writer.step()
        time.sleep(writer.random.random() * 0.02)
    print(writer.done)


if __name__ == "__main__":
    run()
