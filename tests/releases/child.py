"""Runs the functions of one release: reads calls as JSON lines and writes what each returns. side_by_side.py starts it.

It runs as a script, with the release's tree as its argument, and imports nothing else of this project.
"""

import importlib
import json
import os
import sys
from typing import Any


class Context:
    """The part of Lambda's context that the functions use."""

    aws_request_id = "invocation-1"

    def get_remaining_time_in_millis(self) -> float:
        return 15_000


def main(tree: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the functions log goes to stderr: stdout is for answers
    sys.path.insert(0, tree)
    app = importlib.import_module("app")
    for line in sys.stdin:
        call = json.loads(line)
        answer: dict[str, Any]
        try:
            answer = {"returned": getattr(app, call["function"])(call["event"], Context())}
        except Exception as error:  # noqa: BLE001 - Lambda reports any error as a failed invocation
            answer = {"raised": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
