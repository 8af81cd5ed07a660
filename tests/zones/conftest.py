"""Tests that exchange the zone data of the process are not collected with the others: see test_apart.py."""

from __future__ import annotations

import os

collect_ignore = [] if os.environ.get("TICKWRIGHT_ZONES") else ["apart"]
