"""The checks of a deployed stage, in the order of the hops."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ordersctl.deploy import settings
from ordersctl.deploy.chalice_config import environment_variables, recorded_outputs, variable
from ordersctl.deploy.doctor.account import account
from ordersctl.deploy.doctor.findings import Finding, Remedies, none_of
from ordersctl.deploy.doctor.live_api import live_api
from ordersctl.deploy.doctor.live_http_api import live_http_api
from ordersctl.deploy.doctor.live_release import live_release
from ordersctl.deploy.function_settings import differences, function_names, mapping, wanted, wanted_logging
from ordersctl.deploy.overlay.http_api import is_http
from ordersctl.deploy.release.publish import AT_ONCE, SHIFT
from ordersctl.deploy.stack import Stack, deployed_whole
from ordersctl.shared import templates
from ordersctl.shared.functions import ALIAS, Function
from ordersctl.shared.output import number_of
from ordersctl.shared.queues.dead_letters import depth
from ordersctl.shared.runs.current import as_typed
from ordersctl.shared.stage import Stage
from ordersctl.shared.templates import OF_REST
from ordersctl.shared.throttles import MINUTES, Throttle, throttles


def examine(stage: Stage) -> Iterator[Finding]:
    """Check everything, in the order of the hops; raises botocore's errors."""
    given, _ = settings.stage_settings(stage.name)
    yield from account(stage, given)
    if Stack(stage.client("cloudformation"), stage.stack_name).describe() is None:
        yield Finding(fine=False, what=f"there is no stack {stage.stack_name}", remedy="docs/operate/deploy.md")
        return
    packaged = deployed_whole(stage.outputs())
    qualifier = ALIAS if packaged else "$LATEST"
    lambdas = {name: Function(stage.client("lambda"), name) for name in function_names(stage.name, http=is_http(given))}
    functions = {name: each.configuration(qualifier) for name, each in lambdas.items()}
    checks = _Checks(stage, given, functions, Remedies.of(stage, packaged=packaged))
    yield from checks.stack()
    yield from checks.deployed_functions()
    if packaged:
        yield from live_release(stage)
        live = live_http_api if is_http(given) else live_api
        yield from live(stage, given, checks.remedies.stack)
    else:
        yield from checks.recorded()
    yield from checks.order_queue()
    yield from checks.mappings()
    yield from checks.logs()
    yield from checks.table()
    yield from checks.dead_letters()
    yield from checks.alarms()


@dataclass(frozen=True)
class _Checks:
    stage: Stage
    settings: Mapping[str, str]
    functions: Mapping[str, dict[str, Any] | None]  # name -> its configuration, None when it is not deployed
    remedies: Remedies

    def stack(self) -> Iterator[Finding]:
        found = self.stage.client("cloudformation").describe_stacks(StackName=self.stage.stack_name)["Stacks"][0]
        status = found["StackStatus"]
        complete = status.endswith("_COMPLETE") and "ROLLBACK" not in status
        yield Finding(complete, f"the stack is {status}", "see its events")
        deployed = {each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", [])}
        stale = [name for name, value in self.settings.items() if deployed.get(name, value) != value]
        yield none_of(stale, "settings that are not those of infra/stages", self.remedies.stack)

    def deployed_functions(self) -> Iterator[Finding]:
        for name, configuration in self.functions.items():
            yield Finding(configuration is not None, f"{name} is deployed", self.remedies.functions)

    def recorded(self) -> Iterator[Finding]:
        recorded, outputs = environment_variables(self.stage.name), self.stage.outputs()
        stale = [name for name in recorded_outputs() if recorded.get(variable(name), "") != outputs.get(name, "")]
        yield none_of(stale, "outputs that .chalice/config.json lacks", self.remedies.stack)

    def order_queue(self) -> Iterator[Finding]:
        attributes = self.stage.queue_attributes(self.stage.output("OrderQueueUrl"), "All")
        processor = f"orders-{self.stage.name}-process-orders"
        visibility, timeout = int(attributes["VisibilityTimeout"]), (self.functions[processor] or {}).get("Timeout", 0)
        source = mapping(self.stage.client("lambda"), processor) or {}
        window = source.get("MaximumBatchingWindowInSeconds") or 0
        what = (
            f"the order queue's visibility ({visibility} s) is at least 6 x the processor's timeout ({timeout} s) "
            f"plus its batching window ({window} s)"
        )
        remedy = f"OrderQueueVisibility in infra/stages, or lambda_timeout; then {self.remedies.stack}"
        yield Finding(visibility >= 6 * timeout + window, what, remedy)
        has_redrive = "RedrivePolicy" in attributes
        yield Finding(has_redrive, "the order queue has a dead-letter queue", self.remedies.stack)

    def mappings(self) -> Iterator[Finding]:
        for name, wish in wanted(self.stage, self.settings).items():
            found = mapping(self.stage.client("lambda"), name)
            yield Finding(found is not None, f"{name} has its event source mapping", self.remedies.functions)
            if found is not None:
                yield Finding(found["State"] == "Enabled", f"the mapping of {name} is {found['State']}", "enable it")
                yield _tuned(f"the mapping of {name}", differences(found, wish), self.remedies.mappings)
                yield self._failures_are_heeded(name, found)

    def _failures_are_heeded(self, name: str, source: Mapping[str, Any]) -> Finding:
        """Check the one mistake that loses orders: failures returned to a mapping that does not read them."""
        environment = ((self.functions[name] or {}).get("Environment") or {}).get("Variables", {})
        returns = environment.get("REPORT_BATCH_ITEM_FAILURES") == "1"
        reads = "ReportBatchItemFailures" in (source.get("FunctionResponseTypes") or [])
        return Finding(
            reads or not returns,
            f"failures that {name} {'returns' if returns else 'raises'} are retried",
            "REPORT_BATCH_ITEM_FAILURES must not be set without FunctionResponseTypes: ORDERS ARE BEING LOST",
        )

    def logs(self) -> Iterator[Finding]:
        wish = wanted_logging(self.settings)
        for name, configuration in self.functions.items():
            if configuration is not None:
                found = configuration.get("LoggingConfig") or {}
                yield _tuned(f"the log of {name}", differences(found, wish), self.remedies.mappings)

    def table(self) -> Iterator[Finding]:
        client, name, remedy = self.stage.client("dynamodb"), self.stage.output("OrderTable"), self.remedies.stack
        table = client.describe_table(TableName=name)["Table"]
        stream = (table.get("StreamSpecification") or {}).get("StreamViewType")
        yield Finding(stream == "NEW_AND_OLD_IMAGES", f"the table's stream shows {stream}", remedy)
        if self.settings.get("DeletionProtection", "true") == "true":
            yield Finding(bool(table.get("DeletionProtectionEnabled")), "the table's deletion protection is on", remedy)
        backups = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        status = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
        yield Finding(status == "ENABLED", f"point-in-time recovery is {status}", remedy)
        yield _throttling(throttles(self.stage))

    def dead_letters(self) -> Iterator[Finding]:
        for output in ("OrderDeadLetterQueueUrl", "EventDeadLetterQueueUrl"):
            count = depth(self.stage, self.stage.output(output))
            what = f"{output.removesuffix('Url')} holds {number_of(count, 'dead letter')}"
            yield Finding(not count, what, as_typed("dlq", "list", *self.stage.option))

    def _resources(self) -> Mapping[str, Any]:
        """Return a plain stage's resources, less what an HTTP API has not, with those that shift the traffic."""
        plain = templates.resources()["Resources"]
        if is_http(self.settings):
            plain = {name: each for name, each in plain.items() if name not in OF_REST}
        shifts = self.settings.get("Release", AT_ONCE) != AT_ONCE
        return {**plain, **(templates.load(SHIFT)["Resources"] if shifts else {})}

    def alarms(self) -> Iterator[Finding]:
        with_samples = self.settings.get("SampleSubscribers", "true") == "true"
        expected = [
            name
            for name, each in self._resources().items()
            if each.get("Type") == "AWS::CloudWatch::Alarm" and (with_samples or "Condition" not in each)
        ]
        alarms = self.stage.alarms()
        missing = [name for name in expected if not any(f"-{name}" in alarm["AlarmName"] for alarm in alarms)]
        yield none_of(missing, "alarms that are missing", self.remedies.stack)
        raised = [alarm["AlarmName"] for alarm in alarms if alarm["StateValue"] == "ALARM"]
        yield none_of(raised, "alarms in state ALARM", "docs/operate/operations.md")


def _throttling(found: list[Throttle]) -> Finding:
    said = ", ".join(f"{each.resource} {each.reason} {number_of(each.events, 'time')}" for each in found) or "nothing"
    page = "huge-customers.md" if any(each.is_hot_key for each in found) else "operations.md"
    return Finding(not found, f"throttled by DynamoDB in {MINUTES} minutes: {said}", f"docs/operate/{page}")


def _tuned(what: str, differing: Mapping[str, Any], remedy: str) -> Finding:
    said = ", ".join(f"{key} is {value}" for key, value in differing.items()) or "tuned"
    return Finding(not differing, f"{what}: {said}", remedy)
