"""The figures of `make bench`: each is a ratio to a baseline that was measured in the same run."""

import io
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from bench.instructions import lambda_events, measure, trust
from bench.instructions.measure import Program
from bench.instructions.packages import (
    CHALICE,
    CHALICE_TUNED,
    FASTAPI,
    FASTAPI_TUNED,
    FLASK,
    ORDERS,
    POWERTOOLS,
    POWERTOOLS_TUNED,
    RAW,
    Package,
    build,
    runtime,
)
from ordersctl.deploy.zip_contents.bytecode import NEVER_IMPORTED
from ordersctl.estimate.cost import comparison
from ordersctl.estimate.cost.aws_prices import aws_prices
from ordersctl.estimate.cost.per_order import Load
from ordersctl.shared.engine_client import get_json
from testkit.certificates import COGNITO

PEERS = (RAW, CHALICE, FASTAPI, POWERTOOLS, FLASK)
TUNED = (CHALICE_TUNED, FASTAPI_TUNED, POWERTOOLS_TUNED)  # they accept orders, and do nothing else
AUTHORIZER = "authorizer, key set in the package"
AUTHORIZER_OF_COGNITO, AUTHORIZER_OF_USUAL = "authorizer, Cognito's key set", "authorizer, a usual issuer's key set"
AUTHORIZER_OF_ANOTHER = "authorizer, key set behind another authority"
AUTHORIZERS = (AUTHORIZER, AUTHORIZER_OF_COGNITO, AUTHORIZER_OF_USUAL, AUTHORIZER_OF_ANOTHER)
FUNCTIONS = ("accept", *AUTHORIZERS, "process 10", "publish 10")
BATCHES = (1, 10, 100)
CALL_MS = 5.0  # the time that the stub takes to answer a call, in figures that include waiting


@dataclass(frozen=True)
class Figure:
    name: str
    ours: float
    baseline: float | None  # None: the figure has no baseline
    unit: str
    target: float | None = None  # the most that `measure` may be

    @property
    def measure(self) -> float:
        """The value that the target limits: the ratio to the baseline, or the figure itself."""
        return self.ours if self.baseline is None else self.ours / self.baseline

    def cells(self) -> list[str]:
        """The cells of its row: name, ours, baseline, ratio, target."""
        ours = f"{self.ours:.4g} {self.unit}".strip()
        baseline, ratio = (
            ("", "") if self.baseline is None else (f"{self.baseline:.4g} {self.unit}", f"{self.measure:.2f}")
        )
        target = "" if self.target is None else f"≤ {self.target:g}"
        return [self.name, ours, baseline, ratio, target if self.is_met else f"{target} **missed**"]

    @property
    def is_met(self) -> bool:
        return self.target is None or round(self.measure, 6) <= self.target  # 2.3 is a sum of tenths


@dataclass(frozen=True)
class Bench:
    """The programs that are measured in one run."""

    url: str  # of the stub that answers for AWS

    def accept(self, package: Package, *, compiled: bool = True) -> Program:
        return self.program(package, package.handler, lambda_events.accept(), compiled=compiled)

    def program(self, package: Package, handler: str, event: Path, *, compiled: bool = True) -> Program:
        directory = build(package, compiled=compiled, authority=trust.authority())
        return Program((directory, runtime()), handler, event, self.url)

    def api(self, package: Package) -> dict[str, Program]:
        """The measured calls of the API's function."""
        events = {
            "accept": lambda_events.accept(),
            "read": lambda_events.read(),
            f"list of {lambda_events.LISTED}": lambda_events.list_orders(),
        }
        return {name: self.program(package, package.handler, event) for name, event in events.items()}

    def functions(self, package: Package) -> dict[str, Program]:
        """Each function with one event."""
        module = package.handler.partition(".")[0]
        programs = {
            AUTHORIZER: (f"{module}.authorizer", lambda_events.authorize()),
            "process 10": (f"{module}.process_orders", lambda_events.process(10)),
            "publish 10": (f"{module}.publish_events", lambda_events.publish(10)),
        }
        accept = {"accept": self.accept(package)}
        return accept | {name: self.program(package, *each) for name, each in programs.items()}

    def downloading_authorizers(self) -> dict[str, Program]:
        """This service's authorizer, with the key set at an https address: the stub's, as three kinds of issuers."""
        from_file = self.functions(ORDERS)[AUTHORIZER]
        issuers: tuple[tuple[str, str, dict[str, str]], ...] = (
            (AUTHORIZER_OF_COGNITO, COGNITO, {}),
            (AUTHORIZER_OF_USUAL, "127.0.0.1", {}),
            (AUTHORIZER_OF_ANOTHER, "127.0.0.1", trust.of_an_unusual_authority()),
        )
        port = {"PORT_443": str(urlsplit(self.url).port)}
        return {
            name: replace(from_file, extra={"JWT_JWKS": f"https://{host}/pool/jwks.json"} | port | trusted)
            for name, host, trusted in issuers
        }

    def batches(self, package: Package) -> dict[str, tuple[Program, int]]:
        """The handlers that take batches, with batches of each size; and the number of orders in each batch."""
        module = package.handler.partition(".")[0]
        handlers = {
            "process": ("process_orders", lambda_events.process),
            "publish": ("publish_events", lambda_events.publish),
        }
        return {
            f"{name}, batch of {count}": (self.program(package, f"{module}.{handler}", event(count)), count)
            for name, (handler, event) in handlers.items()
            for count in BATCHES
        }


def cold(bench: Bench) -> dict[str, float]:
    """Package -> instructions (millions) to the first accept, with bytecode."""
    return measure.cold_each({package.name: bench.accept(package) for package in (ORDERS, *PEERS, *TUNED)})


def cold_bare(bench: Bench) -> dict[str, float]:
    """The same without bytecode. Only `ordersctl package` adds bytecode that Lambda can use; no peer's tool does."""
    return measure.cold_each({package.name: bench.accept(package, compiled=False) for package in (ORDERS, *PEERS)})


def cold_by_function(bench: Bench) -> dict[str, tuple[float, float]]:
    """Function -> instructions (millions) to its first response: this service's, and Chalice's at its defaults."""
    ours = measure.cold_each(bench.functions(ORDERS) | bench.downloading_authorizers())
    defaults = measure.cold_each(bench.functions(CHALICE))
    return {name: (ours[name], defaults.get(name, defaults[AUTHORIZER])) for name in FUNCTIONS}


def warm(bench: Bench) -> dict[str, dict[str, float]]:
    """Call of the API -> package -> instructions (millions) of a warm call."""
    programs: dict[str, dict[str, Program]] = {}
    for package in (ORDERS, *PEERS):
        for call, program in bench.api(package).items():
            programs.setdefault(call, {})[package.name] = program
    programs["accept"] |= {package.name: bench.accept(package) for package in TUNED}
    return {call: measure.warm_each(each) for call, each in programs.items()}


def warm_batches(bench: Bench) -> dict[str, tuple[float, float]]:
    """Batch -> instructions (millions) per order of a warm batch: this service's, and Chalice's at its defaults."""
    ours, defaults = bench.batches(ORDERS), bench.batches(CHALICE)
    return {name: (_per_order(*ours[name]), _per_order(*defaults[name])) for name in ours}


def _per_order(program: Program, orders: int) -> float:
    # A batch of 100 is a mean by itself. In batches of ten, a thread may still open its connection in a later one.
    few, many = {1: (3, 13), 10: (3, 33), 100: (2, 4)}[orders]
    return measure.warm_instructions(program, few, many) / orders


def batches(bench: Bench) -> dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]]:
    """(Cold, CPU, wall) seconds of a batch of 100: this service's, and Chalice's at its defaults, one by one."""
    work = {
        "process 100": ("process_orders", lambda_events.process(100)),
        "publish 100": ("publish_events", lambda_events.publish(100)),
    }
    found = {}
    for name, (handler, event) in work.items():
        programs = {
            "ours": bench.program(ORDERS, f"app.{handler}", event),
            "defaults": bench.program(CHALICE, f"handler.{handler}", event),
        }
        medians = measure.paired(programs, times=4, rounds=3)
        found[name] = (medians["ours"], medians["defaults"])
    return found


def zip_megabytes(bench: Bench) -> float:
    """Megabytes of the service's zipped package, made of this machine's wheels, which differ little from Lambda's."""
    (directory, _), content = bench.accept(ORDERS).path, io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(directory.rglob("*")):
            if not str(path.relative_to(directory)).startswith(NEVER_IMPORTED) or path.suffix != ".pyc":
                archive.write(path, path.relative_to(directory))
    return len(content.getvalue()) / 1e6


def dollars() -> dict[str, float]:
    """Way of accepting -> dollars per million real orders, by the cost model."""
    found = comparison.totals(Load(), aws_prices())
    return {"HTTP API": found["HTTP API"], "REST API": found["REST API"], "direct": found["Direct"]}


def calls(url: str) -> dict[str, dict[str, float]]:
    """Hop -> AWS calls per order, counted by the stub; the calls of Lambda's poller are added by its rules."""
    bench = Bench(url)
    hops = {
        "accept": (bench.accept(ORDERS, compiled=False), 1),
        "accept with a key": (bench.program(ORDERS, "app.app", lambda_events.accept("a-key")), 1),
        "process, batch of 10": (bench.program(ORDERS, "app.process_orders", lambda_events.process(10)), 10),
        "publish, batch of 10": (bench.program(ORDERS, "app.publish_events", lambda_events.publish(10)), 10),
    }
    found: dict[str, dict[str, float]] = {}
    for hop, (program, orders) in hops.items():
        few, many = _calls_made(url, program, 1), _calls_made(url, program, 3)
        # Calls of the first invocation only belong to the cold start, once per container.
        found[hop] = {name: (many[name] - few[name]) / 2 / orders for name in many if many[name] != few[name]}
    # Lambda's SQS poller receives and deletes a batch at a time; its reads of a stream are free.
    found["queue to processor, batch of 10"] = {"ReceiveMessage": 0.1, "DeleteMessageBatch": 0.1}
    return found


def _calls_made(url: str, program: Program, times: int) -> Counter[str]:
    """The AWS calls that a container makes in `times` invocations."""
    before = Counter(get_json(url))
    measure.seconds(program, times)
    return Counter(get_json(url)) - before


def calls_per_order(found: Mapping[str, Mapping[str, float]], *, with_key: bool) -> float:
    left_out = "accept" if with_key else "accept with a key"
    return sum(sum(hop.values()) for name, hop in found.items() if name != left_out)
