"""The console's web server: one page, one stream, and acts."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from chalicelib.adapters.order_table import OrderTable
from chalicelib.domain.errors import Fault, OrderNotFound, Poison
from chalicelib.domain.orders import ErasedOrder
from ordersctl.console.acts import Acts, RefusedError, run
from ordersctl.console.guard import NO_STORE, Guard, not_done
from ordersctl.console.sources import Source
from ordersctl.console.watcher import Watcher
from ordersctl.shared.stage import Stage

_STATIC = Path(__file__).parent / "static"
BODY_BYTES = 4_096
_TRACE_CHARACTERS, _DEAD_LETTERS_CHARACTERS = 200_000, 2_000_000
_WHY = {404: "There is nothing at this address.", 405: "Acts are sent by POST; everything else is read by GET."}


class Console:
    """The endpoints of one stage's console."""

    def __init__(self, stage: Stage, source: Source, acts: Acts, *, allowed: bool) -> None:
        self._stage = stage
        self._acts = acts
        run = secrets.token_hex(8)  # a reloaded page compares it: another value is another process
        self._about = {"run": run, "stage": stage.name, "local": stage.is_local, "allowed": allowed}
        self._watcher = Watcher(source, acts)
        self._source = source
        self._at_once = asyncio.Semaphore(2)  # commands: each is a process

    def app(self, *, port: int, key: str) -> Starlette:
        """Return the ASGI application, which lets in who has the key."""
        return Starlette(
            lifespan=self._lifespan,
            middleware=[Middleware(Guard, port=port, key=key)],
            exception_handlers={HTTPException: _answered},
            routes=[
                Route("/", self._page),
                Route("/stream", self._stream),
                Route("/orders/{order_id}", self._order),
                Route("/orders/{order_id}/trace", self._trace),
                Route("/acts", self._act, methods=["POST"]),
                Route("/dead-letters", self._dead_letters, methods=["POST"]),
                Mount("/static", StaticFiles(directory=_STATIC)),
            ],
        )

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        watching = asyncio.create_task(self._watcher.run())
        yield
        watching.cancel()
        self._source.close()

    async def _page(self, _request: Request) -> Response:
        return FileResponse(_STATIC / "index.html", headers=NO_STORE)

    async def _stream(self, _request: Request) -> Response:
        messages = self._watcher.messages(self._about)
        return StreamingResponse(messages, media_type="application/x-ndjson", headers=NO_STORE)

    async def _order(self, request: Request) -> Response:
        """Answer an order's hops and its stored state."""
        try:
            order_id = self._acts.order_id(request.path_params["order_id"])
        except RefusedError as error:
            return _refused(error)
        seen = self._watcher.flow.shown(order_id) or {"id": order_id, "hops": []}
        try:
            stored, why = await asyncio.to_thread(self._stored, order_id), None
        except (BotoCoreError, ClientError, Fault, Poison) as error:
            stored, why = None, f"The table did not answer: {error}"
        return JSONResponse({**seen, "stored": stored, "why": why}, headers=NO_STORE)

    def _stored(self, order_id: str) -> dict[str, Any] | None:
        table = OrderTable(self._stage.client("dynamodb"), self._stage.output("OrderTable"))
        try:
            found = table.get(order_id)
        except OrderNotFound:
            return None
        return {"order_id": order_id, "status": "erased"} if isinstance(found, ErasedOrder) else found.shown()

    async def _trace(self, request: Request) -> Response:
        return await self._run(lambda: self._acts.trace(request.path_params["order_id"]), most=_TRACE_CHARACTERS)

    async def _act(self, request: Request) -> Response:
        asked = await _json_object(request)
        answer = await self._run(lambda: self._acts.command(asked))
        if not self._stage.is_local and answer.status_code == HTTPStatus.OK and asked["act"] in {"redrive", "drop"}:
            self._watcher.set_groups([])  # they are others now; the page offers to list them
        await self._watcher.look()
        return answer

    async def _dead_letters(self, request: Request) -> Response:
        """List dead letters by reason, on AWS by receiving each and giving it back."""
        await _json_object(request)
        done = await run(self._acts.dead_letters(), most=_DEAD_LETTERS_CHARACTERS)
        if done["ok"]:
            self._watcher.list_dead_letters(json.loads(done["output"]))
            done["output"] = ""  # the page shows them by reason
        return JSONResponse(done, headers=NO_STORE)

    async def _run(self, command: Callable[[], list[str]], **limits: int) -> Response:
        try:
            arguments = command()
        except RefusedError as error:
            return _refused(error)
        async with self._at_once:
            return JSONResponse(await run(arguments, **limits), headers=NO_STORE)


async def _json_object(request: Request) -> dict[str, Any]:
    """Return the body's JSON object; HTTPException with 413 for a body that is too long, 400 for anything else."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"An act has at most {BODY_BYTES:,} bytes.")
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The body is not JSON.") from error
    if not isinstance(asked, dict):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "An act is a JSON object, with the members act and target.")
    return asked


def _refused(error: RefusedError) -> Response:
    return not_done(HTTPStatus.FORBIDDEN, str(error))


def _answered(_request: Request, error: Exception) -> Response:
    """Answer an HTTPException as an act is answered."""
    assert isinstance(error, HTTPException)  # noqa: S101  Starlette's type of a handler is wider
    why = _WHY.get(error.status_code, error.detail)
    return not_done(error.status_code, why, error.headers)
