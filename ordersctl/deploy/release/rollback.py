"""`ordersctl rollback`: sends a packaged stage's requests back to the release before, without a deployment."""

import click

from ordersctl.deploy.release import shift
from ordersctl.deploy.release.versions import Releases, short
from ordersctl.deploy.stack import Stack
from ordersctl.shared import options
from ordersctl.shared.output import say
from ordersctl.shared.stage import Stage, with_stage


@click.command()
@click.option("--to", "release", metavar="RELEASE", help="The beginning of a release's id.  [default: the one before]")
@click.option("--any-revision", is_flag=True, help="With DirectAccept: the release can read what the API writes.")
@options.yes
@with_stage
def rollback(stage: Stage, release: str | None, *, any_revision: bool, yes: bool) -> None:
    """Go back to the release before the live one, or to any that is kept; stop a deployment that is going on.

    Only the code and settings of the functions go back: the stack keeps its queues, table, API and alarms as they are.
    """
    stage.refuse_local_run("there is no release to go back to")
    releases = Releases(stage.client("lambda"), stage.name)
    stack = Stack(stage.client("cloudformation"), stage.stack_name)
    if stack.is_changing:
        _stop(stage, yes=yes)
        return
    if releases.live_version(releases.api) is None:
        raise click.ClickException(f"{releases.api} has no alias: only a packaged stage has releases")
    wanted = releases.before() if release is None else releases.named(release)
    moves = releases.moves(wanted)
    if stack.parameters().get("DirectAccept") == "true":
        _check_reads_what_the_api_writes(stage, releases, wanted, any_revision=any_revision)
    if not yes:
        stage.confirm(f"from release {short(releases.live() or 'none')} to {short(wanted)}?")
    for function, version in moves:
        releases.move(function, version)
        say(f"{function}: version {version}")
    say(f"release {short(wanted)} is live. The next deployment that changes the functions ends this.")


def _check_reads_what_the_api_writes(stage: Stage, releases: Releases, wanted: str, *, any_revision: bool) -> None:
    """Raise ClickException unless the release reads what direct acceptance writes, or --any-revision says so.

    Direct acceptance gives each message the newest revision, by a template of the API, which does not go back. The
    processor of a release that does not know it makes a dead letter of every new order.
    """
    written, read = releases.reads_deployed(), releases.reads(wanted)
    remedy = f"Set DirectAccept to false in infra/stages/{stage.name}.json and deploy that, then go back"
    if written is None or read is None:
        if any_revision:
            return
        raise click.ClickException(
            "DirectAccept is on: the API goes on writing the messages of the release that was deployed last. Whether "
            f"release {short(wanted)} reads them is not known: one of the two was packaged before that was recorded. "
            f"{remedy}. If no release after {short(wanted)} raised the revision (chalicelib/domain/commands.py), add "
            "--any-revision."
        )
    if read < written:
        raise click.ClickException(
            f"DirectAccept is on: the API goes on writing messages of revision {written}, and release {short(wanted)} "
            f"reads no revision above {read}: every new order would become a dead letter. {remedy}."
        )


def _stop(stage: Stage, *, yes: bool) -> None:
    if not yes:
        stage.confirm("it is being deployed. Stop that and go back?")
    if not shift.stop(stage):
        cancel = stage.aws_as_typed("cloudformation", "cancel-update-stack", "--stack-name", stage.stack_name)
        raise click.ClickException(
            f"{stage.stack_name} is being changed, and no requests are being shifted: wait until that is over, or "
            f"{cancel}"
        )
    say("stopped: all requests go to the release before; CloudFormation takes back the rest within minutes")
