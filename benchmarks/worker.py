"""One implementation under test: runs one measurement for each line it reads, and answers with one line.

Started by ``measuring`` with the interpreter of the implementation; ``apscheduler`` is whatever that one has.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from importlib import import_module
from typing import Any


def main() -> None:
    # Standard output is the protocol's; whatever prints in a measurement goes to standard error.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        # Warnings are made as in any program, but no terminal is part of a measurement.
        logging.getLogger().addHandler(logging.NullHandler())
        for line in sys.stdin:
            answers.write(json.dumps(_answer(json.loads(line))) + "\n")
            answers.flush()


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    module, _, name = request["work"].partition(".")
    try:
        function = getattr(import_module(f"benchmarks.work.{module}"), name)
        return {"metrics": function(**request["options"])}
    except Exception:  # noqa: BLE001 - whoever asked tells it
        return {"error": traceback.format_exc(limit=-4)}


if __name__ == "__main__":
    main()
