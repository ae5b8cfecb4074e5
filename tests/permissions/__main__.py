"""`make permissions`: prints every permission of every function with what needs it, and writes it into its page."""

import sys

from testkit.permissions import judge, page, table
from testkit.permissions.stack import packaged_template
from tests.permissions.scenario import recorded_calls


def main() -> int:
    template, calls = packaged_template(), recorded_calls()
    lines = table.rows(template, calls)
    page.write(lines)
    print("\n".join(lines))
    faults = [*judge.denied(template, calls), *judge.unneeded(template, calls)]
    print(*faults, sep="\n", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
