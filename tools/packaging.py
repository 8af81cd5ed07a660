"""Builds what users install, and tries it where nothing of the checkout can help."""

from __future__ import annotations

import os
import subprocess
import tempfile
import venv
from pathlib import Path

from tools import ROOT
from tools.environments import python_of

_TRY = """
import importlib.metadata, pathlib, apscheduler, tickwright
from apscheduler.cli import main
from apscheduler.schedulers.background import BackgroundScheduler
for package in (apscheduler, tickwright):
    assert pathlib.Path(package.__file__).with_name("py.typed").is_file(), package
assert tickwright.BackgroundScheduler is BackgroundScheduler
ours = importlib.metadata.distribution("tickwright")
assert tickwright.__version__ == ours.version
groups = {point.group for point in ours.entry_points}
assert "apscheduler.triggers" in groups, groups
commands = {point.name for point in ours.entry_points if point.group == "console_scripts"}
assert commands == {"apscheduler", "tickwright"}, commands
carried = {file.name for file in ours.files if ".dist-info" in str(file)}
assert {"LICENSE", "NOTICE"} <= carried, carried
assert importlib.metadata.version("APScheduler") == apscheduler.__version__
main(["doctor"])
"""

_OVERWRITTEN = """
import pathlib, sys, sysconfig
package = pathlib.Path(sysconfig.get_path("purelib"), "apscheduler", "__init__.py")
package.write_text('version = __version__ = release = "3.11.3"')
try:
    import tickwright
except ImportError as error:
    assert "overwritten by APScheduler 3.11.3; run: pip uninstall APScheduler" in str(error), error
    print(f"Overwritten, it says: {error}")
else:
    sys.exit("tickwright was imported though its apscheduler was overwritten")
"""


def build_and_try(python: Path) -> int:
    """Build ours and the shim, install both wheels into a fresh environment and try them there, whole and overwritten."""
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
        # The system's zone data may be outdated, with which the doctor finds fault.
        environment = os.environ | {"PYTHONTZPATH": ""}
        failed = 0
        for trial in (_TRY, _OVERWRITTEN):
            command = [str(python_of(fresh)), "-c", trial]
            failed = (
                failed
                or subprocess.run(command, cwd=folder, env=environment, check=False).returncode
            )
        return failed


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
