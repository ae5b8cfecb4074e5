"""`ordersctl pause` and `resume`: stop the processor, the publisher or a consumer, and let it run again."""

import click

from ordersctl.shared import options
from ordersctl.shared.output import echo
from ordersctl.shared.queues.measures import event_source_mappings
from ordersctl.shared.queues.stage_queues import StageQueues
from ordersctl.shared.runs import current
from ordersctl.shared.runs.state_file import STATE_FILE
from ordersctl.shared.stage import Stage, with_stage
from ordersctl.shared.switches import CONSUMERS, NAMES, State, Switches


@click.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("--failing", is_flag=True, help="A consumer fails at each event instead; in the local run only.")
@options.yes
@with_stage
def pause(*, stage: Stage, names: tuple[str, ...], failing: bool, yes: bool) -> None:
    """Pause the processor, the publisher or a consumer, such as invoicing. What it would handle waits.

    In the local run by a file that the run obeys; on AWS by disabling Lambda's event source mapping.
    """
    if not stage.is_local and failing:
        raise click.UsageError("--failing belongs to the local run.")
    if failing and not set(names) <= set(CONSUMERS):
        raise click.UsageError(f"--failing is for consumers: {', '.join(CONSUMERS)}.")
    if not stage.is_local and not yes:
        stage.confirm(f"pause {', '.join(names)}?")
    _switch(stage, names, State.FAILING if failing else State.PAUSED)


@click.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@options.yes
@with_stage
def resume(*, stage: Stage, names: tuple[str, ...], yes: bool) -> None:
    """Let the processor, the publisher or a consumer run again; a sample consumer that was not started starts."""
    if not stage.is_local and not yes:
        stage.confirm(f"resume {', '.join(names)}?")
    _switch(stage, names, State.RUNNING)


def _switch(stage: Stage, names: tuple[str, ...], state: State) -> None:
    for name in names:
        if stage.is_local:
            _set_here(name, state)
        else:
            _set_on_aws(stage, name, enabled=state == State.RUNNING)
        echo(f"{name}: {state}")


def _set_here(name: str, state: State) -> None:
    if name not in NAMES:
        raise click.BadParameter(f"there is no {name}; there are {', '.join(NAMES)}.", param_hint="NAME")
    if not (current.state_dir() / STATE_FILE).exists():
        raise click.ClickException(f"nothing runs here. {current.state_dir_hint()}")
    Switches(current.state_dir()).set(name, state)


def _set_on_aws(stage: Stage, name: str, *, enabled: bool) -> None:
    mappings = event_source_mappings(stage, _source_arn(stage, name))
    if not mappings:
        raise click.ClickException(f"no function of this account reads what {name} reads.")
    for mapping in mappings:
        stage.client("lambda").update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)


def _source_arn(stage: Stage, name: str) -> str:
    """Return the ARN of the queue or stream that `name` reads; BadParameter when there is no such reader."""
    if name == "publisher":
        return stage.output("OrderStreamArn")
    if name == "processor":
        return stage.queue_arn(stage.output("OrderQueueUrl"))
    return stage.queue_arn(StageQueues.of(stage).consumer(name).url)
