"""Run in the reference's environment: do one thing to a store, and print what it holds then."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

import definitions


def main(module, name, options, action) -> dict:
    store = getattr(import_module(module), name)(**options)
    scheduler = definitions.paused_scheduler(store)
    try:
        if action != "read":
            getattr(definitions, action)(scheduler)
        return definitions.described(store)
    finally:
        scheduler.shutdown()


sys.stdout.write(json.dumps(main(*json.loads(sys.argv[1]))))
