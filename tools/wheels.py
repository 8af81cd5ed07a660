"""Has tests run the wheel that users install, with ``src/`` out of their way."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tools import ROOT, TESTED_VARIABLE, environments

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WHEEL_MARK = "TICKWRIGHT_TEST_WHEEL"
"""Set in the environment, `dev.py test` and `dev.py pythons` test the wheel."""


@contextlib.contextmanager
def in_place_of_the_checkout(pythons: Sequence[Path]) -> Iterator[dict[str, str]]:
    """Install the wheel where the checkout was installed, and yield the environment variables that name its packages.

    :param pythons: of the environments; the checkout is installed into them again in the end
    """
    with tempfile.TemporaryDirectory(prefix="tickwright-wheel-") as folder:
        Path(folder).chmod(0o755)  # some tests give up root's rights
        wheel = _built(pythons[0], Path(folder, "dist"))
        unpacked = Path(folder, "installed")
        _pip(pythons[0], "--target", str(unpacked), str(wheel))
        try:
            for python in pythons:
                environments.mark_as_unfinished(python)
                _pip(python, "--force-reinstall", str(wheel))
            print(f"Testing {wheel.name}.", flush=True)
            yield {TESTED_VARIABLE: str(unpacked)}
        finally:
            for python in pythons:
                environments.install_checkout(python)


def _built(python: Path, folder: Path) -> Path:
    command = [str(python), "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    if subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.DEVNULL).returncode:
        raise environments.SetupError(
            "the wheel could not be built; the builder's own words are above"
        )
    return next(folder.glob("*.whl"))


def _pip(python: Path, *what: str) -> None:
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index"]
    command = [str(python), "-m", "pip", "install", *options, *what]
    if subprocess.run(command, check=False, env=os.environ | {"PYTHONPATH": ""}).returncode:
        raise environments.SetupError("the wheel could not be installed; pip's own words are above")
