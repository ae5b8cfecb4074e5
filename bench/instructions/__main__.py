"""`make bench`: measure, print the table, write the figures and plots of docs/explain/performance.md."""

import json
import sys

from rich.console import Console
from rich.table import Table

from bench import report
from bench.instructions import figures, measure
from bench.instructions.figures import Bench, Figure
from bench.instructions.packages import BUILD, CHALICE, CHALICE_TUNED, FASTAPI, ORDERS, POWERTOOLS, RAW
from testkit.servers.processes import end_like_ctrl_c

CHALICE_BARE = f"{CHALICE.name}, without bytecode"


def main() -> None:
    end_like_ctrl_c()
    console = Console()
    if measure.VALGRIND is None:
        sys.exit(
            "`make bench` counts instructions with valgrind, which is not installed: apt install valgrind, or the like"
        )
    with measure.stub(tls=False) as url:
        console.print("Calls per order …")
        calls = figures.calls(url)
        console.print("Cold starts by plain HTTP …")
        by_http = figures.cold(Bench(url))
    with measure.stub() as url:
        bench = Bench(url)
        console.print("Warm calls (some minutes) …")
        warm, warm_batches = figures.warm(bench), figures.warm_batches(bench)
        console.print("Cold starts (some minutes) …")
        cold, bare, by_function = figures.cold(bench), figures.cold_bare(bench), figures.cold_by_function(bench)
        interpreter = measure.interpreter_instructions()
        zip_megabytes = figures.zip_megabytes(bench)
        packages = (ORDERS, *figures.PEERS, *figures.TUNED)
        accepts = {each.name: bench.accept(each) for each in packages}
        accepts[CHALICE_BARE] = bench.accept(CHALICE, compiled=False)
        cpu = measure.paired(accepts, times=51, rounds=5)
    console.print(f"Batches of 100, {figures.CALL_MS:.0f} ms per call …")
    with measure.stub(figures.CALL_MS) as slow:
        batches = figures.batches(Bench(slow))
    found = report.Results(
        interpreter, cold, bare, by_http, by_function, warm, warm_batches, cpu, batches, calls, zip_megabytes
    )
    (BUILD / "results.json").write_text(json.dumps(vars(found), indent=1))
    table = Table(title="This service against peers, measured in one run", title_justify="left")
    for column in ("Figure", "Ours", "Baseline", "Ratio", "Target"):
        table.add_column(column, justify="left" if column == "Figure" else "right")
    rows = with_targets(found)
    for each in rows:
        table.add_row(*(cell.replace("**", "") for cell in each.cells()))
    console.print(table)
    report.write(found, rows)
    console.print("Written: docs/explain/performance.md")


def with_targets(found: "report.Results") -> list[Figure]:
    """The figures of the page's first table; most have a target."""
    cold, bare, warm = found.cold, found.cold_bare, found.warm["accept"]
    ours = cold[ORDERS.name]
    rows = [
        Figure("cold accept, by `ordersctl package`, against Chalice's own", ours, bare[CHALICE.name], "M", 0.28),
        Figure(
            "CPU of a cold accept, by `ordersctl package`, against Chalice's own",
            found.cpu[ORDERS.name][0] * 1e3,
            found.cpu[CHALICE_BARE][0] * 1e3,
            "ms",
            0.40,
        ),
        Figure("cold accept, both by plain `chalice deploy`", bare[ORDERS.name], bare[CHALICE.name], "M"),
    ]
    for peer, name, most in (
        (CHALICE, "Chalice", 0.45),
        (CHALICE_TUNED, "tuned Chalice", 0.58),
        (FASTAPI, "FastAPI + Mangum", 0.33),
        (POWERTOOLS, "Powertools", 0.45),
    ):
        rows.append(Figure(f"cold accept, bytecode for both, against {name}", ours, cold[peer.name], "M", most))
    for function in figures.AUTHORIZERS:
        ours, theirs = found.by_function[function]
        target = None if function == figures.AUTHORIZER_OF_ANOTHER else 0.30
        rows.append(Figure(f"cold {function}, bytecode for both, against Chalice", ours, theirs, "M", target))
    rows += [
        Figure("warm accept against Chalice at its defaults", warm[ORDERS.name], warm[CHALICE.name], "M", 0.36),
        Figure("warm accept against the raw handler", warm[ORDERS.name], warm[RAW.name], "M", 0.50),
    ]
    for name, wall, cpu in (("process 100", 0.12, 0.30), ("publish 100", 0.13, 0.17)):
        batch, singly = found.batches[name]
        rows += [
            Figure(f"{name}, wall, against one by one", batch[2] * 1e3, singly[2] * 1e3, "ms", wall),
            Figure(f"{name}, CPU, against one by one", batch[1] * 1e3, singly[1] * 1e3, "ms", cpu),
        ]
    for with_key, most, name in ((False, 2.3, "without a key"), (True, 3.3, "with a key")):
        count = figures.calls_per_order(found.calls, with_key=with_key)
        rows.append(Figure(f"AWS calls per order, {name}", count, None, "", most))
    rows.append(Figure("zip without boto3", found.zip_megabytes, None, "MB", 10))
    for (name, dollars), most in zip(figures.dollars().items(), (4.0, 6.5, 6.1), strict=True):
        rows.append(Figure(f"a million real orders, {name}, in the model", dollars, None, "$", most))
    return rows


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("Stopped; nothing was written.")
