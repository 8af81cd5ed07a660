"""Builds what users install, and tries it where nothing of the checkout can help."""

from __future__ import annotations

import subprocess
import tempfile
import venv
from pathlib import Path

from tools import ROOT
from tools.environments import python_of

_TRY = """
import importlib.metadata, pathlib, apscheduler
from apscheduler.cli import main
assert pathlib.Path(apscheduler.__file__).with_name("py.typed").is_file()
groups = {point.group for point in importlib.metadata.distribution("tickwright").entry_points}
assert "apscheduler.triggers" in groups, groups
assert importlib.metadata.version("APScheduler") == apscheduler.__version__
main(["doctor"])
"""


def build_and_try(python: Path) -> int:
    """Build ours and the shim, install both wheels into a fresh environment and try them there."""
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder, "dist")
        builder = [str(python), "-m", "hatchling", "build", "-d", str(built)]
        for source in (ROOT, ROOT / "shim"):
            if subprocess.run(builder, cwd=source, check=False).returncode:
                return 1
        fresh = Path(folder, "fresh")
        # Its dependencies are the ones pinned for development, seen through a path file.
        venv.create(fresh, with_pip=False)
        wheels = map(str, built.glob("*.whl"))
        target = site_packages(python_of(fresh))
        install = ["-m", "uv", "pip", "install", "-q", "--no-deps", "--offline", "--target", target]
        if subprocess.run([str(python), *install, *wheels], check=False).returncode:
            return 1
        lend_dependencies(python, Path(target))
        return subprocess.run(
            [str(python_of(fresh)), "-c", _TRY], cwd=folder, check=False
        ).returncode


def site_packages(python: Path) -> str:
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    asked = subprocess.run([str(python), "-c", ask], check=True, capture_output=True, text=True)
    return asked.stdout.strip()


def lend_dependencies(python: Path, target: Path) -> None:
    """Copy the pinned core dependencies: the checkout's own files must stay out of sight."""
    owner = Path(site_packages(python))
    for name in ("click", "tzlocal", "tzdata"):
        for source in (owner / name, *owner.glob(f"{name}-*.dist-info")):
            (target / source.name).symlink_to(source, target_is_directory=True)
