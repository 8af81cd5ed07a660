"""Run cells in a real Jupyter kernel and write what each answers: ``python notebook.py < cells.json``."""

from __future__ import annotations

import json
import sys

from jupyter_client.manager import start_new_kernel

PATIENCE = 60


def main() -> None:
    cells = json.load(sys.stdin)
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        sys.stdout.write(json.dumps([answer(client, cell) for cell in cells]))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def answer(client, cell: str) -> str:
    """Return what a cell wrote, or how it failed."""
    written: list[str] = []

    def heard(message) -> None:
        content = message["content"]
        if message["msg_type"] == "stream":
            written.append(content["text"])
        elif message["msg_type"] == "error":
            written.append(f"{content['ename']}: {content['evalue']}")

    client.execute_interactive(cell, timeout=PATIENCE, output_hook=heard)
    return "".join(written)


main()
