"""What ``dev.py`` is made of. The standard library alone runs it."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
