"""What `verify` says: a summary, and a report to sign."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chalicelib.domain import clock
from ordersctl.migrate.context import Migration
from ordersctl.migrate.verify.orders import OWNED, SAME, Findings
from ordersctl.migrate.verify.totals import TotalsRow
from ordersctl.shared.output import number_of, printable

_LISTED = 1_000  # differences in the report; the summary counts all


@dataclass(frozen=True)
class Verification:
    """The outcome of a comparison."""

    migration: Migration
    findings: Findings
    totals: list[TotalsRow] | None
    sample: int | None  # how many orders were looked at; None for all
    accept_refused: bool
    written_back: int  # orders that write-back has written into the shop

    @property
    def different_totals(self) -> list[TotalsRow]:
        return [row for row in self.totals or [] if row.shop != row.here]

    @property
    def is_clean(self) -> bool:
        refused = self.findings.refused and not self.accept_refused
        return not (self.findings.differences or refused or self.different_totals)

    def summary(self) -> dict[str, Any]:
        """The counts, as JSON values."""
        findings = self.findings
        return {
            "clean": self.is_clean,
            "same": findings.counts[SAME],
            "different": len(findings.differences),
            "refused": len(findings.refused),
            "owned": findings.counts[OWNED],
            "written_back": self.written_back,
            "groups": None if self.totals is None else len(self.totals),
            "different_groups": len(self.different_totals),
            "sample": self.sample,
        }

    def report(self) -> str:
        """The whole outcome as Markdown, with a place for a signature."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        mapping, findings, summary = self.migration.mapping, self.findings, self.summary()
        of_what = "all orders" if self.sample is None else f"a sample of {number_of(self.sample, 'order')}"
        yield f"# {mapping.name} and stage {self.migration.stage.name}: {'equal' if self.is_clean else 'NOT EQUAL'}"
        yield f"\n{clock.now()}, mapping {mapping.digest}, {of_what},\nfollowed to {self.migration.state.position()}.\n"
        yield f"* {number_of(summary['same'], 'order')}: the same here and in the shop, in every field."
        accepted = ", which was accepted (--accept-refused)" if summary["refused"] and self.accept_refused else ""
        yield f"* {number_of(summary['different'], 'order')}: different."
        yield f"* {number_of(summary['refused'], 'order')}: cannot be taken here{accepted}."
        yield f"* {number_of(summary['owned'], 'order')}: changed here since the copy, not compared."
        if self.written_back:
            yield f"* {number_of(self.written_back, 'order')}: placed or changed here and written back, not compared."
        yield from _section("Differences", findings.differences, mapping.name)
        yield from _section("Refused", findings.refused, mapping.name)
        if self.sample is not None:
            yield "\nOf a sample, counts and sums are not compared. The report to sign is that of all orders."
            return
        yield from _sums(self.totals)
        yield "\nRead and agreed:\n\nName, date, signature: ______________________________"


def _sums(totals: list[TotalsRow] | None) -> Iterator[str]:
    if totals is None:
        yield "\nThe mapping has no [totals]: counts and sums were not compared independently."
        return
    yield "\n## Counts and sums\n\nSums are in minor units of their currency (cents, pence).\n"
    yield "| month | status | currency | orders, shop | here | sum, shop | here | |"
    yield "|---|---|---|--:|--:|--:|--:|---|"
    for (month, status, currency), shop, here in totals:
        cells = (month, status, currency, shop.orders, here.orders, shop.total, here.total)
        mark = "" if shop == here else "different"
        yield f"| {' | '.join(printable(str(cell)) for cell in cells)} | {mark} |"


def _section(title: str, found: dict[int, str], source: str) -> Iterator[str]:
    if found:
        yield f"\n## {title}\n"
    for key in sorted(found)[:_LISTED]:
        yield f"* {source}/{key} {printable(found[key])}"
    if len(found) > _LISTED:
        yield f"* and {len(found) - _LISTED} more"
