"""Builds what users install, and tries it where nothing of the checkout can help.

What a release consists of lies in ``dist/`` afterwards: wheel, sdist, a bill of materials (``sbom.cdx.json``) and the hashes of
the three (``SHA256SUMS``). It is built twice, in two folders and under two sets of settings, and has to be the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import venv
from pathlib import Path

from tools import ROOT
from tools.environments import python_of

DIST = ROOT / "dist"
BILL = "sbom.cdx.json"
HASHES = "SHA256SUMS"
CORE = ("click", "tzdata", "tzlocal")
"""The dependencies without extras."""
_OTHER_SETTINGS = {"TZ": "Pacific/Auckland", "PYTHONHASHSEED": "7", "LC_ALL": "C", "USER": "other"}

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


class PackageError(Exception):
    """What was built is not what a release may be; the message says why."""


def build_and_try(python: Path, bill_maker: Path) -> int:
    """Build a release into ``dist/``, and install it into a fresh environment and try it there.

    :param python: has what builds
    :param bill_maker: a Python whose environment has cyclonedx-bom
    """
    shutil.rmtree(DIST, ignore_errors=True)
    try:
        _build(python, ROOT, DIST)
        _build_again(python)
        with tempfile.TemporaryDirectory() as folder:
            fresh = _fresh_environment(python, Path(folder))
            _write_bill(bill_maker, fresh)
            _install_shim(python, fresh, Path(folder))
            _try(fresh, Path(folder))
    except PackageError as error:
        print(f"package: {error}")
        return 1
    _write_hashes()
    print((DIST / HASHES).read_text("utf-8"), end="")
    return 0


def _run(command: list[str], what: str, **options: object) -> None:
    if subprocess.run(command, check=False, **options).returncode:  # type: ignore[call-overload]
        raise PackageError(f"{what} failed; its own words are above")


def _build(python: Path, source: Path, target: Path, **settings: str) -> None:
    command = [str(python), "-m", "hatchling", "build", "-d", str(target)]
    _run(command, f"the build of {source.name}", cwd=source, env=os.environ | settings)


def _build_again(python: Path) -> None:
    """Build from a copy that differs in all that must not matter, and compare."""
    with tempfile.TemporaryDirectory() as folder:
        copy, built = Path(folder, "elsewhere"), Path(folder, "dist")
        before = os.umask(0o077)
        try:
            for name in sources():
                _copy(ROOT / name, copy / name)
            _build(python, copy, built, **_OTHER_SETTINGS)
        finally:
            os.umask(before)
        wrong = [each.name for each in DIST.iterdir() if not _is_same(each, built / each.name)]
    if wrong:
        raise PackageError(f"built twice, these differ: {', '.join(sorted(wrong))}")
    print("Built twice, in two folders, by two users: the same bytes.")


def _copy(source: Path, target: Path) -> None:
    """Copy a file as a clone has it: what it contains, and whether it can be executed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())
    if os.access(source, os.X_OK):
        target.chmod(0o700)


def _is_same(one: Path, other: Path) -> bool:
    return other.is_file() and one.read_bytes() == other.read_bytes()


def sources() -> list[str]:
    """Return the files of the checkout that are not ignored, those that are not committed yet included."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def _fresh_environment(python: Path, folder: Path) -> Path:
    """Make an environment that has the wheel and its dependencies; return its Python."""
    venv.create(folder / "fresh", with_pip=False)
    fresh = python_of(folder / "fresh")
    _install(python, fresh, DIST)
    # Its dependencies are the ones pinned for development, seen through a path file.
    lend_dependencies(python, Path(site_packages(fresh)))
    return fresh


def _install(python: Path, fresh: Path, wheels: Path) -> None:
    install = [str(python), "-m", "uv", "pip", "install", "-q", "--no-deps", "--offline"]
    found = map(str, wheels.glob("*.whl"))
    _run([*install, "--target", site_packages(fresh), *found], "installing the wheel")


def _install_shim(python: Path, fresh: Path, folder: Path) -> None:
    """It is not to be published, so it is built beside the release."""
    _build(python, ROOT / "shim", folder / "shim")
    _install(python, fresh, folder / "shim")


def _try(fresh: Path, folder: Path) -> None:
    # The system's zone data may be outdated, with which the doctor finds fault.
    environment = os.environ | {"PYTHONTZPATH": ""}
    for trial, what in ((_TRY, "what was installed"), (_OVERWRITTEN, "the overwritten one")):
        _run([str(fresh), "-c", trial], f"the trial of {what}", cwd=folder, env=environment)


def _write_bill(bill_maker: Path, fresh: Path) -> None:
    """Write which distributions the wheel brings along, in CycloneDX's form."""
    command = [str(bill_maker), "-m", "cyclonedx_py", "environment", "--output-reproducible"]
    command += ["--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "library"]
    _run([*command, "-o", str(DIST / BILL), str(fresh)], "the bill of materials")
    bill = json.loads((DIST / BILL).read_text("utf-8"))
    named = sorted(each["name"] for each in bill["components"])
    if named != sorted(CORE):
        raise PackageError(f"the bill of materials names {named} instead of {sorted(CORE)}")


def _write_hashes() -> None:
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(DIST.iterdir())
    ]
    (DIST / HASHES).write_text("".join(lines), "utf-8")


def site_packages(python: Path) -> str:
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    asked = subprocess.run([str(python), "-c", ask], check=True, capture_output=True, text=True)
    return asked.stdout.strip()


def lend_dependencies(python: Path, target: Path) -> None:
    """Lend the pinned core dependencies: the checkout's own files must stay out of sight."""
    owner = Path(site_packages(python))
    for name in CORE:
        for source in (owner / name, *owner.glob(f"{name}-*.dist-info")):
            (target / source.name).symlink_to(source, target_is_directory=True)
