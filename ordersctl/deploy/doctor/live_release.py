"""Whether the release that was deployed last is the one that is live, in every function."""

from collections.abc import Iterator

from ordersctl.deploy.doctor.findings import Finding
from ordersctl.deploy.function_settings import function_names
from ordersctl.deploy.release.versions import Releases, short
from ordersctl.shared.functions import RELEASE, Function
from ordersctl.shared.runs.current import as_typed
from ordersctl.shared.stage import Stage


def live_release(stage: Stage) -> Iterator[Finding]:
    """Compare the release of each function's alias with that of the code that was deployed last."""
    client = stage.client("lambda")
    releases = Releases(client, stage.name)
    for name in function_names(stage.name):
        if (version := releases.live_version(name)) is None:
            continue  # that the function is not deployed is a finding of its own
        latest = Function(client, name).configuration() or {}
        deployed = str((latest.get("Environment") or {}).get("Variables", {}).get(RELEASE, ""))
        live = releases.versions(name).get(version, "")
        what = f"{name}: release {short(live) or 'none'} is live, {short(deployed) or 'none'} was deployed last"
        remedy = as_typed("rollback", *stage.option, "--to", short(deployed))
        yield Finding(live == deployed, what, remedy)
