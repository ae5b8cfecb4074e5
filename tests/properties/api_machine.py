"""The state machine that sends the same requests to the API and to its plain model, and compares the answers."""

import json
import uuid
from collections import Counter
from collections.abc import Callable
from typing import ClassVar
from urllib.parse import urlencode

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from testkit.api_client import Answer
from testkit.builders import line
from tests.properties.answers import also, now, query, shows
from tests.properties.api_model import NEXT, STATUSES, Actor, Json, Known, Model, Refused
from tests.properties.requests import (
    ACTORS,
    ASKING,
    CHANGES,
    CONTENTS,
    ERASING,
    FINE_CHANGES,
    IF_MATCH,
    KEYS,
    LISTING,
    PLACING,
    STATUS_CHANGES,
    WHICH,
    Asking,
)
from tests.service.http.callers import Caller, Service

NOT_AN_ID = ["ord_" + "0" * 32, "nonsense"]


class ApiMachine(RuleBasedStateMachine):
    service: ClassVar[Service]
    met: ClassVar[Counter[tuple[str, int | str]]]

    @initialize()
    def start(self) -> None:
        self.model = Model()
        self.waiting: list[str] = []  # bodies of messages
        self.delivered: list[str] = []  # each may be delivered again, however late
        suffix = uuid.uuid4().hex[:12]
        self.names = {name: f"{name}-{suffix}" for name in ("ann", "bob", "carl")}
        self.actors = {
            name: Actor(self.names.get(subject, subject), frozenset(scope.split()))
            for name, (subject, scope) in ACTORS.items()
        }
        self.callers: dict[str, Caller] = {}
        # Without some orders to begin with, most requests would be about orders that do not exist.
        for who, key in (("ann", "k1"), ("ann", None), ("bob", "k1"), ("ann", "k2"), ("bob", None)):
            self.place((who, None), key, {"currency": "GBP", "items": [line()]})
        self.process_all()
        self.erase(("root", "ann"), 3)
        for status in ("confirmed", "shipped"):
            self.patch(("shop", None), 4, {"status": status}, "*")

    def caller(self, who: str) -> Caller:
        if who not in self.callers:
            self.callers[who] = self.service.caller(self.actors[who].subject, ACTORS[who][1])
        return self.callers[who]

    def order_id(self, which: int) -> str:
        ids = [*self.model.orders, *NOT_AN_ID]
        return ids[which % len(ids)]

    def known_as(self, asking: Asking) -> Asking:
        """The caller and the customer whom the request names, by their names in this run."""
        who, named = asking
        return who, None if named is None else self.names.get(named, named)

    def path(self, order_id: str, named: str | None) -> str:
        return f"/orders/{order_id}{query(customer_id=named)}"

    # --- placing ------------------------------------------------------------------------------------------------------

    @rule(asking=PLACING, key=KEYS, order=CONTENTS)
    def place(self, asking: Asking, key: str | None, order: Json) -> None:
        who, named = self.known_as(asking)
        before = now()
        answer = self.caller(who).post(order, f"/orders{query(customer_id=named)}", Idempotency_Key=key)
        messages = [message["Body"] for message in self.service.take_messages()]
        bare = key and key.strip('"')

        def expected() -> None:
            customer = self.model.customer(self.actors[who], "orders/write", named, placing=True)
            assert customer is not None
            replayed = self.model.replayed(customer, bare, order)
            assert answer.status == 202, answer
            order_id = answer.json["order_id"]
            assert answer.json == {"order_id": order_id, "status": "accepted"}
            assert answer.headers["Location"] == f"/api/orders/{order_id}{query(customer_id=named)}"
            assert answer.headers.get("Idempotency-Replayed") == ("true" if replayed else None)
            assert len(messages) == (0 if replayed else 1)
            if bare:
                assert self.model.keys.setdefault((customer, bare), order_id) == order_id
            else:
                assert order_id not in self.model.orders
            self.model.orders.setdefault(order_id, Known(order_id, customer, sealed=True))
            if not replayed:
                command = json.loads(messages[0])
                assert (command["order_id"], command["customer_id"]) == (order_id, customer)
                assert before <= command["placed_at"] <= now()
                self.waiting += messages

        if not self.agrees("place", answer, expected):
            assert messages == []

    @precondition(lambda self: sum(not known.sealed for known in self.model.orders.values()) < 2)
    @rule(customer=st.sampled_from(["ann", "bob"]), order=CONTENTS, price=st.sampled_from([1, 1, -1]))
    def enqueue_without_the_api(self, customer: str, order: Json, price: int) -> None:
        order = order | {"items": [line(unit_price=price)]}
        order_id = f"ord_{uuid.uuid4().hex}"
        self.model.orders[order_id] = Known(order_id, self.names[customer], sealed=False)
        envelope = {"type": "PlaceOrder", "version": 1, "order_id": order_id, "customer_id": self.names[customer]}
        self.waiting.append(json.dumps({**envelope, "placed_at": now(), "correlation_id": "c", "order": order}))

    @precondition(lambda self: self.waiting)
    @rule(which=WHICH)
    def process(self, which: int) -> None:
        body = self.waiting.pop(which % len(self.waiting))
        self.delivered.append(body)
        self.deliver(body)

    @rule()
    def process_all(self) -> None:
        while self.waiting:
            self.process(0)

    @precondition(lambda self: self.delivered)
    @rule(which=WHICH)
    def process_again(self, which: int) -> None:
        self.deliver(self.delivered[which % len(self.delivered)])

    def deliver(self, body: str) -> None:
        self.service.process(body)
        command = json.loads(body)
        kept = self.model.processed(command, valid=command["order"]["items"][0]["unit_price"] >= 0)
        quarantined = self.service.take_quarantined() if not kept else []
        assert kept or [message["Body"] for message in quarantined] == [body]

    # --- reading, changing, erasing -----------------------------------------------------------------------------------

    @rule(asking=ASKING, which=WHICH, etag=st.sampled_from([None, None, "seen", "stale", "*"]))
    def read(self, asking: Asking, which: int, etag: str | None) -> None:
        order_id, (who, named) = self.order_id(which), self.known_as(asking)
        known = self.model.orders.get(order_id)
        version = known.shown["version"] if known and known.shown else 1
        tags = {"seen": f'W/"{version}"', "stale": f'"{version + 1}"', "*": "*"}
        answer = self.caller(who).get(self.path(order_id, named), If_None_Match=tags.get(etag or ""))

        def expected() -> None:
            customer = self.model.customer(self.actors[who], "orders/read", named)
            shown = self.model.see(order_id, customer).shown
            if shown is None:
                assert (answer.status, answer.json) == (200, {"order_id": order_id, "status": "accepted"})
                assert (answer.headers.get("ETag"), answer.headers["Retry-After"]) == (None, "1")
            elif etag in {"seen", "*"}:
                assert (answer.status, answer.body, answer.headers["ETag"]) == (304, "", f'"{version}"')
            else:
                shows(answer, shown)

        self.agrees("read", answer, expected)

    @rule(asking=ASKING, which=st.lists(WHICH, min_size=1, max_size=5))
    def read_many(self, asking: Asking, which: list[int]) -> None:
        (who, named), ids = self.known_as(asking), [self.order_id(each) for each in which]
        answer = self.caller(who).get(f"/orders?{urlencode([('order_id', each) for each in ids])}" + also(named))

        def expected() -> None:
            customer = self.model.customer(self.actors[who], "orders/read", named)
            found, missing = self.model.seen_together(ids, customer)
            assert answer.status == 200, answer
            orders = [{name: order[name] for name in order if name != "violations"} for order in answer.json["orders"]]
            assert orders == found
            assert sorted(answer.json["missing"]) == sorted(missing)
            assert answer.json["remaining"] == []

        self.agrees("read many", answer, expected)

    @rule(asking=ASKING, which=WHICH, patch=FINE_CHANGES | STATUS_CHANGES | CHANGES, match=IF_MATCH)
    def patch(self, asking: Asking, which: int, patch: Json, match: str | None) -> None:
        order_id, (who, named) = self.order_id(which), self.known_as(asking)
        known = self.model.orders.get(order_id)
        version = known.shown["version"] if known and known.shown else 1
        tags = {"seen": f'"{version}"', "listed": f'"{version + 3}", "{version}"', "stale": f'"{version + 1}"'}
        if_match = tags.get(match, match) if match else None
        before = now()
        answer = self.caller(who).patch(self.path(order_id, named), patch, If_Match=if_match)

        def expected() -> None:
            known, after = self.model.patched(self.actors[who], named, order_id, patch, if_match)
            if after is not known.shown:
                assert answer.status == 200, answer
                assert before <= answer.json["updated_at"] <= now()
                after = after | {"updated_at": answer.json["updated_at"]}
            shows(answer, after)
            known.shown = after

        self.agrees("patch", answer, expected)

    @rule(who=st.sampled_from(["ann", "shop"]), which=st.integers(0, 2), patch=FINE_CHANGES, match=IF_MATCH)
    def change(self, who: str, which: int, patch: Json, match: str | None) -> None:
        self.patch((who, None), which, patch, match)

    @precondition(lambda self: self.fixed())
    @rule(who=st.sampled_from(["ann", "shop"]), which=WHICH, patch=FINE_CHANGES | STATUS_CHANGES)
    def change_too_late(self, who: str, which: int, patch: Json) -> None:
        """Change an order that is shipped, delivered or cancelled: a random request seldom does."""
        self.patch((who, None), self.fixed()[which % len(self.fixed())], patch, "*")

    def fixed(self) -> "list[int]":
        """The numbers of the orders whose content can no longer change."""
        statuses = [known.shown["status"] if known.shown else "" for known in self.model.orders.values()]
        return [number for number, status in enumerate(statuses) if status in {"shipped", "delivered", "cancelled"}]

    @rule(who=st.sampled_from(["ann", "shop"]), which=WHICH, step=st.integers(0, 1), match=IF_MATCH)
    def advance(self, who: str, which: int, step: int, match: str | None) -> None:
        """Ask for a status that may follow: a random one seldom may."""
        known = self.model.orders.get(self.order_id(which))
        if known and known.shown and (following := sorted(NEXT[known.shown["status"]], reverse=True)):
            self.patch((who, None), which, {"status": following[step % len(following)]}, match)

    @precondition(lambda self: sum(known.erased for known in self.model.orders.values()) < 3)
    @rule(asking=ERASING, which=WHICH)
    def erase(self, asking: Asking, which: int) -> None:
        order_id, (who, named) = self.order_id(which), self.known_as(asking)
        answer = self.caller(who).delete(self.path(order_id, named))

        def expected() -> None:
            self.model.erased(self.actors[who], named, order_id)
            assert (answer.status, answer.body) == (204, "")

        self.agrees("erase", answer, expected)

    @rule(
        asking=LISTING,
        status=st.sampled_from([None, None, *STATUSES]),
        after=st.none() | WHICH,
        before=st.none() | WHICH,
        limit=st.integers(1, 4),
    )
    def list(self, *, asking: Asking, status: str | None, after: int | None, before: int | None, limit: int) -> None:
        who, customer = self.known_as(asking)
        assert customer is not None
        times = sorted({known.shown["placed_at"] for known in self.model.orders.values() if known.shown}) or [now()]
        ends = {"placed_after": after, "placed_before": before}
        filters = {name: times[which % len(times)] for name, which in ends.items() if which is not None}
        filters |= {"status": status} if status else {}
        path = f"/customers/{customer.replace(' ', '%20')}/orders"
        answer = self.caller(who).get(path + query(**filters, limit=limit))

        def expected() -> None:
            self.model.customer(self.actors[who], "orders/read", customer)
            assert answer.status == 200, answer
            found, page = [], answer.json
            while page["next_cursor"] is not None:
                assert len(page["orders"]) == limit
                found += page["orders"]
                page = self.caller(who).get(path + query(**filters, limit=limit, cursor=page["next_cursor"])).json
            assert found + page["orders"] == self.model.listed(customer, filters)

        self.agrees("list", answer, expected)

    def agrees(self, request: str, answer: Answer, expected: Callable[[], None]) -> bool:
        """Whether the model grants the request; AssertionError when the answer is not the model's."""
        self.met[request, answer.status] += 1
        try:
            expected()
        except Refused as refused:
            refusal = (refused.status, refused.slug)
            if refused.rule:
                self.met[request, refused.rule] += 1
        else:
            return True
        assert (answer.status, answer.problem) == refusal
        return False

    def teardown(self) -> None:
        for which, known in enumerate(self.model.orders.values() if hasattr(self, "model") else ()):
            if known.shown or known.erased:
                self.read(("shop", None), which, None)
