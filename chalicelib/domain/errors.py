"""Everything that can go wrong, as one tree.

OrdersError
├── Refusal                  the asker must ask for something else
│   ├── InvalidOrder
│   ├── OrderNotFound
│   ├── OrderErased
│   ├── NotYetStored         accepted, on its way; ask again in a moment
│   ├── KeyReused            an idempotency key that names another order already
│   ├── IllegalTransition
│   ├── NotChangeable        too late for this change
│   ├── NotPermitted         a transition that is not this asker's to make
│   └── VersionConflict
├── Poison                   a message or record that no repetition can make right
└── Fault                    ours or a dependency's, passing; safe to repeat
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong with a document: where (RFC 6901 pointer) and what."""

    pointer: str
    detail: str


class OrdersError(Exception):
    pass


class Refusal(OrdersError):
    pass


class InvalidOrder(Refusal):
    def __init__(self, violations: Iterable[Violation]) -> None:
        self.violations = tuple(violations)
        super().__init__("; ".join(f"{each.pointer or '/'}: {each.detail}" for each in self.violations))


class OrderNotFound(Refusal):
    pass


class OrderErased(Refusal):
    pass


class NotYetStored(Refusal):
    pass


class KeyReused(Refusal):
    pass


class IllegalTransition(Refusal):
    def __init__(self, current: str, asked: str, allowed: Iterable[str]) -> None:
        self.current, self.asked, self.allowed = current, asked, sorted(allowed)
        super().__init__(f"an order that is {current} cannot become {asked}")


class NotChangeable(Refusal):
    pass


class NotPermitted(Refusal):
    pass


class VersionConflict(Refusal):
    pass


class Poison(OrdersError):
    pass


class Fault(OrdersError):
    pass
