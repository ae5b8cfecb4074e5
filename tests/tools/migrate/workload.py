"""A shop at work: `workload PORT DATABASE SEED STOP` changes orders until the file STOP exists.

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


class Workload:
    """One writer of the classic schema, with its own range of order numbers."""

    def __init__(self, cursor: Any, seed: int) -> None:
        self.cursor, self.random = cursor, random.Random(seed)
        self.next = 1_000_000 * (seed + 1)
        self.known = [10100, 10101, 10102, 10103]
        self.done: dict[str, int] = {}

    def step(self) -> None:
        """Do one thing, as a transaction."""
        steps: list[Callable[[int], None]] = []
        steps += [self.new] * 4 + [self.status] * 3 + [self.line] * 2
        steps += [self.note, self.relines, self.delete, self.reinsert, self.customer, self.reassign, self.renumber]
        steps += [self.bulk, self.rollback]
        step = self.random.choice(steps)
        try:
            self.cursor.execute("BEGIN")
            step(self.random.choice(self.known))
            self.cursor.execute("COMMIT")
        except pymysql.MySQLError:
            self.cursor.execute("ROLLBACK")
        else:
            self.done[step.__name__] = self.done.get(step.__name__, 0) + 1

    def new(self, _number: int) -> None:
        self.next += 1
        self._insert(self.next)
        self.known.append(self.next)

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
        self.next += 1
        self._run("SET foreign_key_checks = 0")
        self._run("UPDATE orders SET orderNumber = %s WHERE orderNumber = %s", self.next, number)
        self._run("UPDATE orderdetails SET orderNumber = %s WHERE orderNumber = %s", self.next, number)
        self._run("SET foreign_key_checks = 1")
        self.known.append(self.next)

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

    def _run(self, statement: str, *values: Any) -> None:
        self.cursor.execute(statement, values)


def run() -> None:
    port, database, seed, stop = sys.argv[1:]
    connection = pymysql.connect(
        host="127.0.0.1", port=int(port), user="root", database=database, charset="utf8mb4", autocommit=True
    )
    workload = Workload(connection.cursor(), int(seed))
    while not Path(stop).exists():
        workload.step()
        time.sleep(workload.random.random() * 0.02)
    print(workload.done)


if __name__ == "__main__":
    run()
