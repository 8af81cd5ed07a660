"""What ``dev.py`` is made of. The standard library alone runs it."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTED_VARIABLE = "TICKWRIGHT_TESTED"
TESTED = Path(os.environ.get(TESTED_VARIABLE) or ROOT / "src")
"""The folder of the packages that tests run: ``src/``, or where the built wheel was unpacked (``wheels.py``)."""
