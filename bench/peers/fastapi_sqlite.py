"""A plain monolith: FastAPI validates an order and stores it in SQLite, in one process, without events.

`python -m bench.peers.fastapi_sqlite PORT DATABASE`. It checks no token and calls no other service.
"""

import sqlite3
import sys
import uuid

import uvicorn
from fastapi import FastAPI

from chalicelib.domain.orders import NewOrder

app = FastAPI()
_database: list[sqlite3.Connection] = []


@app.post("/orders", status_code=201)
async def place_order(order: NewOrder) -> dict[str, str]:
    order_id = uuid.uuid4().hex
    with _database[0] as database:
        database.execute("INSERT INTO orders VALUES (?, ?)", (order_id, order.model_dump_json()))
    return {"order_id": order_id}


if __name__ == "__main__":
    _database.append(sqlite3.connect(sys.argv[2]))
    _database[0].execute("PRAGMA journal_mode=WAL")
    _database[0].execute("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, document TEXT)")
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
