"""Plays one of these folder's programs in a process of its own, here or on 3.11.3."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tools import ROOT, TESTED


def played_here(program: Path) -> Any:
    """Return what a program tells of ours."""
    return _played(sys.executable, program, PYTHONPATH=str(TESTED))


def played_by(reference: Path, program: Path) -> Any:
    """Return what a program tells of the reference, whose Python is given."""
    return _played(str(reference), "-E", program)


def _played(*command: str | Path, **environment: str) -> Any:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        cwd=ROOT.parent,
        env={**os.environ, **environment},
    )
    return json.loads(done.stdout)
