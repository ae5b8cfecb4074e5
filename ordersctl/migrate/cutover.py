"""`ordersctl migrate cutover`: hands a route to this service, or back to the shop, after checking that it may.

Who serves a route is a line of the file routes.json, which the shop's router reads, or a command of the shop's own that
[cutover] names. Reads go first, then changes, then new orders; the way back is the reverse.
"""

import subprocess
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from ordersctl.migrate.context import Migration
from ordersctl.migrate.errors import Stopped
from ordersctl.shared.output import duration, number_of, say

ROUTES = ("reads", "changes", "place")
HERE, SHOP = "orders", "legacy"
_WAIT_SECONDS = 30  # for the follower to reach the end of the log
_HOOK_SECONDS = 60


def cutover(migration: Migration, route: str, *, back: bool, verified_within_hours: float) -> list[str]:
    """Hand a route over; returns what was checked. Raises Stopped when a check fails: nothing is handed over then."""
    state, place = migration.state, ROUTES.index(route)
    routes = state.routes()
    target = SHOP if back else HERE
    if routes[route] == target:
        return [f"{route}: served by {_name(target)} already"]
    before, after = ROUTES[:place], ROUTES[place + 1 :]
    checked: list[str] = []
    if back:
        if wrong := [each for each in after if routes[each] == HERE]:
            raise Stopped(f"{' and '.join(wrong)} first: the shop does not know what is changed and placed here.")
        checked += _checked_back(migration, route)
    else:
        if wrong := [each for each in before if routes[each] == SHOP]:
            raise Stopped(
                f"{' and '.join(wrong)} first: a customer should see what a change or an order here has made."
            )
        checked += _checked_forward(migration, verified_within_hours)
        if route != "reads":
            _warn_of_one_way(migration, route)
    _run_hook(migration, route, target)
    state.save_routes(routes | {route: target})
    return [*checked, f"{route}: served by {_name(target)} now"]


def _checked_forward(migration: Migration, verified_within_hours: float) -> Iterator[str]:
    state = migration.state
    if not state.snapshot().get("done"):
        raise Stopped("the snapshot is not complete.")
    yield f"the snapshot is complete: {number_of(state.snapshot()['copied'], 'order')}"
    if not state.is_running("follow"):
        raise Stopped("follow is not running here: changes in the shop would not arrive.")
    yield _caught_up(migration)
    verified = state.verified()
    if not verified or verified["mapping"] != migration.mapping.digest:
        raise Stopped("verify has not compared all orders yet (without --sample).")
    if not verified["clean"]:
        where = f" in a sample of {verified['sample']}" if verified["sample"] else ""
        raise Stopped(
            f"verify found differences{where}: {number_of(verified['different'], 'order')} different, "
            f"{verified['refused']} refused, {number_of(verified['different_groups'], 'sum')} different. "
            "Compare all orders again when the cause is gone."
        )
    age = (datetime.now(UTC) - datetime.fromisoformat(verified["at"])).total_seconds()
    if age > verified_within_hours * 3_600:
        raise Stopped(f"the last verify is {duration(age)} old: verify again.")
    yield f"verify was clean {duration(age)} ago: {_compared(verified)}"


def _compared(verified: Mapping[str, Any]) -> str:
    return f"{number_of(verified['same'], 'order')}, {number_of(verified['groups'] or 0, 'sum')}"


def _warn_of_one_way(migration: Migration, route: str) -> None:
    """Warn, before a route is handed over, when the shop would not get what is done here."""
    done = "changed" if route == "changes" else "placed"
    if migration.mapping.reverse is None:
        say(
            f"Warning: the mapping has no [reverse], so what is {done} here will not be in the shop, not even after "
            "the way back.",
            err=True,
        )
    elif not migration.state.is_running("write-back"):
        say(f"Warning: write-back does not run here. What is {done} here gets into the shop when it runs.", err=True)


def _caught_up(migration: Migration) -> str:
    """Wait until the follower has passed where the log ends now."""
    reader = migration.reader()
    end, began = reader.end_of_log(), time.monotonic()
    reader.close()
    while (position := migration.state.position()) is None or not position.is_at_least(end):
        if time.monotonic() - began > _WAIT_SECONDS:
            raise Stopped(f"follow is at {position}, and the log ends at {end}: it lags.")
        time.sleep(0.1)
    return f"follow has passed the end of the log ({end}), after {time.monotonic() - began:.1f} s"


def _checked_back(migration: Migration, route: str) -> Iterator[str]:
    if route == "reads":
        yield "changes and new orders are served by the shop, which shows what it has"
    elif migration.mapping.reverse is None:
        yield f"what was {'changed' if route == 'changes' else 'placed'} here is not in the shop: there is no [reverse]"
    else:
        yield "what was changed and placed here is in the shop when write-back's queue and dead-letter queue are empty"
    if route == "changes":
        yield "orders that were changed here do not follow the shop any more: hand reads back too"


def _run_hook(migration: Migration, route: str, target: str) -> None:
    if not (hook := migration.mapping.cutover_hook):
        return
    try:
        subprocess.run([*hook, route, target], check=True, timeout=_HOOK_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        raise Stopped(f"{hook[0]} did not hand {route} over: {error}. Nothing is noted; run it again.") from error


def _name(target: str) -> str:
    return "Orders" if target == HERE else "the shop"
