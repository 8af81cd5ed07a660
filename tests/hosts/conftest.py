"""The suite of all hosts is run by test_every_host.py, once per host, in a process of its own."""

from __future__ import annotations

import os

collect_ignore = [] if os.environ.get("TICKWRIGHT_HOST") else ["suite"]
