"""Everything that can go wrong, as one tree.

OrdersError
├── Refusal                  the caller has to send another request
│   ├── InvalidOrder
│   ├── OrderNotFound
│   ├── OrderErased
│   ├── NotYetStored         accepted and still in the queue; the same request succeeds in a moment
│   ├── KeyReused            the idempotency key belongs to another order already
│   ├── IllegalTransition
│   ├── NotChangeable        the order's status does not allow this change any more
│   ├── NotPermitted         only a service may ask for this status
│   └── VersionConflict
├── Poison                   a message or record that fails at every attempt
└── Fault                    temporary, in this service or a dependency; safe to retry
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
    def __init__(self, message: str, current: str, allowed: Iterable[str]) -> None:
        self.current, self.allowed = current, sorted(allowed)
        super().__init__(message)


class NotPermitted(Refusal):
    pass


class VersionConflict(Refusal):
    pass


class Poison(OrdersError):
    pass


class Fault(OrdersError):
    """`may_have_taken_effect` is False only where it is known that nothing was changed."""

    def __init__(self, message: str, *, may_have_taken_effect: bool = False) -> None:
        self.may_have_taken_effect = may_have_taken_effect
        super().__init__(message)
