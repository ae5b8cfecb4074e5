"""What doctor reports: a finding, and the command that fixes it."""

from typing import NamedTuple

from ordersctl.shared.runs.current import as_typed
from ordersctl.shared.stage import Stage


class Finding(NamedTuple):
    fine: bool
    what: str
    remedy: str = ""  # a command to run, or a page to read


class Remedies(NamedTuple):
    """The commands that fix a finding.

    They depend on how the stage was deployed: `provision` would damage one stack.
    """

    stack: str
    functions: str
    mappings: str

    @classmethod
    def of(cls, stage: Stage, *, packaged: bool) -> "Remedies":
        tune = as_typed("tune", *stage.option)
        if packaged:
            deploy = f"make package STAGE={stage.name}, then {as_typed('deploy', *stage.option)}"
            # CloudFormation changes only what differs from its own last template; it does not undo changes made by
            # other means.
            return cls(deploy, deploy, f"{deploy}; if that changes nothing, {tune}")
        return cls(as_typed("provision", *stage.option), stage.chalice_as_typed("deploy"), tune)


def none_of(names: list[str], what: str, remedy: str) -> Finding:
    """A finding that is fine when there are no such names."""
    return Finding(not names, f"{what}: {', '.join(names) or 'none'}", remedy)
