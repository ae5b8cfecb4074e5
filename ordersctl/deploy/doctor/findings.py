"""What doctor reports: a finding, and the command that fixes it."""

from typing import NamedTuple

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
        tune = f"ordersctl tune --stage {stage.name}"
        if packaged:
            deploy = f"make package STAGE={stage.name}, then ordersctl deploy --stage {stage.name}"
            # CloudFormation changes only what differs from its own last template; it does not undo changes made by
            # other means.
            return cls(deploy, deploy, f"{deploy}; if that changes nothing, {tune}")
        # chalice has --profile, and no --region: it deploys to the region of the profile or of this variable.
        region = "" if stage.is_local else f"AWS_DEFAULT_REGION={stage.session.region_name} "
        chalice = f"{region}chalice deploy --stage {stage.name}"
        return cls(f"ordersctl provision --stage {stage.name}", chalice, tune)


def none_of(names: list[str], what: str, remedy: str) -> Finding:
    """A finding that is fine when there are no such names."""
    return Finding(not names, f"{what}: {', '.join(names) or 'none'}", remedy)
