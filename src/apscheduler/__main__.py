"""``python -m apscheduler``: the command ``apscheduler``."""

from __future__ import annotations

from tickwright_command import main

if __name__ == "__main__":
    main(prog_name="python -m apscheduler")
