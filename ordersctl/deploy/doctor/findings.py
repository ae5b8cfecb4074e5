"""What doctor says: a finding, and what to type about it."""

from typing import NamedTuple

from ordersctl.shared.stage import Stage


class Finding(NamedTuple):
    fine: bool
    what: str
    remedy: str = ""  # what to type, or to read


class Remedies(NamedTuple):
    """What to type, by how the stage was deployed: provisioning one that was deployed whole would take it apart."""

    stack: str
    functions: str
    mappings: str

    @classmethod
    def of(cls, stage: Stage, *, packaged: bool) -> "Remedies":
        tune = f"ordersctl tune --stage {stage.name}"
        if packaged:
            deploy = f"make package STAGE={stage.name}, then ordersctl deploy --stage {stage.name}"
            # CloudFormation changes only what differs from its own last template, not what was changed beside it.
            return cls(deploy, deploy, f"{deploy}; if that changes nothing, {tune}")
        # chalice has --profile, and no --region: it deploys to the region of the profile or of this variable.
        region = "" if stage.is_local else f"AWS_DEFAULT_REGION={stage.session.region_name} "
        chalice = f"{region}chalice deploy --stage {stage.name}"
        return cls(f"ordersctl provision --stage {stage.name}", chalice, tune)


def none_of(names: list[str], what: str, remedy: str) -> Finding:
    """A finding that is fine when there are no such names."""
    return Finding(not names, f"{what}: {', '.join(names) or 'none'}", remedy)
