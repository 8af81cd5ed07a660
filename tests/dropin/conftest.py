"""What users install, built once, and environments to install it into."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.dropin.applications import INSTALLING_SECONDS
from tools import ROOT, commands, packaging
from tools.environments import python_of


def pytest_collection_modifyitems(items) -> None:
    for item in items:
        if "dropin_python" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(INSTALLING_SECONDS))


@pytest.fixture(scope="session")
def wheels(tmp_path_factory) -> Path:
    """A folder with the wheels of the project and of the shim."""
    folder = tmp_path_factory.mktemp("wheels")
    for source in (ROOT, ROOT / "shim"):
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
        subprocess.run(command, cwd=source, check=True, capture_output=True)
    return folder


class Environment:
    """A fresh virtual environment; its dependencies are those of this one, seen through links."""

    def __init__(self, home: Path) -> None:
        venv.create(home, with_pip=False)
        self.home = home
        self.python = python_of(home)
        self.site = Path(packaging.site_packages(self.python))
        packaging.lend_dependencies(Path(sys.executable), self.site)

    def uv(self, *words) -> None:
        command = [sys.executable, "-m", "uv", "pip", words[0], "-q", "--offline", "--no-cache"]
        command += ["--python", self.python, *words[1:]]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def install(self, wheels: Path, name: str) -> None:
        self.uv("install", "--no-deps", "--reinstall", next(wheels.glob(f"{name}-*.whl")))

    def run(self, *words) -> subprocess.CompletedProcess[str]:
        """Run Python here; nothing of the checkout is on its path."""
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        environment["PYTHONTZPATH"] = (
            ""  # the system's zone data may be outdated, which is a finding
        )
        return subprocess.run(
            [self.python, *words],
            cwd=self.home,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def doctor(self) -> subprocess.CompletedProcess[str]:
        """Run the command that was installed."""
        return self.run(self.python.with_name("apscheduler"), "doctor")


@pytest.fixture
def environment(tmp_path) -> Environment:
    return Environment(tmp_path / "environment")


@pytest.fixture(scope="session")
def dropin_python() -> Path:
    """The Python of the environment that holds ours, the shim and the libraries built on APScheduler."""
    given = os.environ.get("TICKWRIGHT_DROPIN_PYTHON")
    return Path(given) if given else commands.dropin()
