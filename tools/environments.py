"""Virtual environments of the project: made once, remade only when what they are made from changes."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tools import ROOT
from tools.pip_settings import PRINCIPAL_SETTINGS, uv_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

STAMP = "made-from.sha256"


class SetupError(Exception):
    """An environment could not be made; the message says what to do."""


def ensure(
    name: str,
    requirements: str,
    *,
    project: bool,
    shim: bool = False,
    bootstrap: bool = True,
    interpreter: str | None = None,
) -> Path:
    """Return the Python of the environment ``name``, making or remaking it where needed.

    :param bootstrap: whether it gets what installs quickly, and builds the project; else pip alone fills it
    """
    home = ROOT / name
    python = python_of(home)
    wanted = _fingerprint(requirements, project=project, shim=shim)
    if _is_made(home, wanted):
        return python
    with _only_one(name):
        if not _is_made(home, wanted):
            _make(
                home,
                requirements,
                project=project,
                shim=shim,
                bootstrap=bootstrap,
                interpreter=interpreter or _base_interpreter(),
            )
            (home / STAMP).write_text(wanted, encoding="utf-8")
    return python


def is_ready(name: str, requirements: str, *, project: bool) -> bool:
    """Return whether the environment ``name`` is made, from what is pinned now."""
    return _is_made(ROOT / name, _fingerprint(requirements, project=project, shim=False))


def python_of(home: Path) -> Path:
    return home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def mark_as_unfinished(python: Path) -> None:
    """Have an environment made anew, should what changes it now be killed before :func:`install_checkout`."""
    stamp = _home_of(python) / STAMP
    stamp.rename(stamp.with_suffix(".changed"))


def install_checkout(python: Path) -> None:
    """Install the checkout again, where something else was put into its place."""
    _install(python, "--force-reinstall", "--editable", str(ROOT))
    changed = (_home_of(python) / STAMP).with_suffix(".changed")
    if changed.exists():
        changed.rename(_home_of(python) / STAMP)


def _home_of(python: Path) -> Path:
    return python.parent.parent


def _is_made(home: Path, wanted: str) -> bool:
    stamp = home / STAMP
    # The interpreter under it may have been removed since; asking for its version notices.
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted and _starts(home)


def _starts(home: Path) -> bool:
    command = [str(python_of(home)), "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def _fingerprint(requirements: str, *, project: bool, shim: bool) -> str:
    editable_of = str(ROOT) if project or shim else ""  # such an install names the folder
    digest = hashlib.sha256(editable_of.encode())
    sources = [_requirements_file("bootstrap"), _requirements_file(requirements)]
    sources += [ROOT / "pyproject.toml"] if project else []
    sources += [ROOT / "shim" / "pyproject.toml"] if shim else []
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _requirements_file(name: str) -> Path:
    return ROOT / "requirements" / f"{name}.txt"


def _overrides_file(name: str) -> Path:
    """Where it exists, its requirements replace those that packages ask for."""
    return ROOT / "requirements" / f"{name}.overrides"


@contextlib.contextmanager
def _only_one(name: str) -> Iterator[None]:
    """Let one process at a time make the environment ``name``; the others wait for it."""
    with (ROOT / f"{name}.lock").open("w") as lock:
        if sys.platform != "win32":
            import fcntl  # does not exist on Windows, where nobody else is waited for

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(
    home: Path, requirements: str, *, project: bool, shim: bool, bootstrap: bool, interpreter: str
) -> None:
    began = time.monotonic()
    _say(f"Making {home.name} from requirements/{requirements}.txt ...")
    _new_environment(home, interpreter)
    python = python_of(home)
    if bootstrap:
        _pip(python, "bootstrap")
        if not _uv(python, requirements):
            _say("uv could not install them here; pip does it, with the same hashes.")
            _pip(python, requirements)
    else:
        _pip(python, requirements)
    if project:
        _install(python, "--editable", str(ROOT))
    if shim:
        _install(python, str(ROOT / "shim"))
    _say(f"{home.name} is ready ({time.monotonic() - began:.0f} s).")


def _base_interpreter() -> str:
    """The interpreter under this one: an environment cannot be remade from inside itself."""
    return str(getattr(sys, "_base_executable", sys.executable))


def _new_environment(home: Path, interpreter: str) -> None:
    if interpreter == _base_interpreter():
        missing = [m for m in ("venv", "ensurepip") if importlib.util.find_spec(m) is None]
        if missing:
            raise SetupError(_no_venv(interpreter, f"its module {missing[0]} is missing"))
    shutil.rmtree(home, ignore_errors=True)
    made = subprocess.run([interpreter, "-m", "venv", str(home)], check=False, capture_output=True)
    if made.returncode:
        said = (made.stderr or made.stdout).decode(errors="replace").strip()
        raise SetupError(_no_venv(interpreter, said or f"exit status {made.returncode}"))


def _no_venv(interpreter: str, why: str) -> str:
    return (
        f"{interpreter} cannot make a virtual environment: {why}.\n"
        "On Debian and Ubuntu install it with: apt install python3-venv"
    )


def _pip(python: Path, requirements: str) -> None:
    file = _requirements_file(requirements)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += _completeness(requirements)
    if subprocess.run([*command, "--require-hashes", "-r", str(file)], check=False).returncode:
        raise SetupError(
            f"pip could not install requirements/{file.name}; its own words are above. "
            "A package index must be reachable, as set in pip's configuration."
        )


def _uv(python: Path, requirements: str) -> bool:
    file = _requirements_file(requirements)
    command = [str(python), "-m", "uv", "pip", "install", "--quiet", "--python", str(python)]
    command += _completeness(requirements)
    # What has no wheel is built with the versions of the same file, where it names them.
    command += ["--build-constraints", str(file)]
    installed = subprocess.run(
        [*command, "--require-hashes", "-r", str(file)],
        check=False,
        env=os.environ | uv_environment(python),
    )
    return installed.returncode == 0


def _completeness(requirements: str) -> list[str]:
    """Return what tells an installer that what was overridden is not missing."""
    return ["--no-deps"] if _overrides_file(requirements).is_file() else []


def lock(python: Path, requirements: str) -> int:
    """Pin requirements/*.in for every supported Python and platform; return uv's exit status."""
    target = _requirements_file(requirements)
    command = [str(python), "-m", "uv", "pip", "compile", "--quiet", "--upgrade", "--universal"]
    command += ["--python-version", "3.11", "--generate-hashes", "--output-file", str(target)]
    command += ["--no-annotate", "--no-header", "--no-emit-index-url", "--no-emit-find-links"]
    # A machine's additional sources hold only some of a release's files, hence of its hashes.
    told = uv_environment(python)
    environment = os.environ | {name: told[name] for name in told.keys() & PRINCIPAL_SETTINGS}
    overrides = _overrides_file(requirements)
    command += ["--override", str(overrides)] if overrides.is_file() else []
    source = str(target.with_suffix(".in"))
    return subprocess.run([*command, source], check=False, env=environment).returncode


def _install(python: Path, *what: str) -> None:
    """Install a folder of the checkout with what is there already."""
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", *options]
    if subprocess.run([*command, *what], check=False).returncode:
        raise SetupError(f"{what[-1]} could not be installed; pip's own words are above.")


def other_interpreters() -> dict[str, str]:
    """Return the other CPythons >= 3.11 of this machine: minor version -> path."""
    found: dict[str, str] = {}
    for candidate in _candidates():
        version = _cpython_version(candidate)
        if version and version >= (3, 11) and version != sys.version_info[:2]:
            found.setdefault(f"{version[0]}.{version[1]}", candidate)
    return dict(sorted(found.items(), key=lambda item: int(item[0].split(".")[1])))


def version_of(interpreter: str) -> str:
    """Return the minor version ("3.12") of a CPython, which must be 3.11 or newer."""
    version = _cpython_version(interpreter)
    if version is None or version < (3, 11):
        raise SetupError(f"{interpreter} is no CPython >= 3.11 that starts here.")
    return f"{version[0]}.{version[1]}"


def _candidates() -> Iterator[str]:
    names = [f"python3.{minor}" for minor in range(11, 31)]
    pyenv = shutil.which("pyenv")
    if pyenv:
        asked = subprocess.run([pyenv, "root"], check=False, capture_output=True, text=True)
        versions = Path(asked.stdout.strip() or "no-pyenv") / "versions"
        for folder in sorted(versions.glob("3.*"), key=_version_key, reverse=True):
            if (folder / "bin" / "python").exists():
                yield str(folder / "bin" / "python")
    yield from filter(None, map(shutil.which, names))


def _version_key(folder: Path) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", folder.name)]


def _cpython_version(interpreter: str) -> tuple[int, int] | None:
    ask = "import sys; print(sys.implementation.name, *sys.version_info[:2], sys.version_info[3])"
    try:
        asked = subprocess.run(
            [interpreter, "-c", ask], check=False, capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = asked.stdout.split()
    if asked.returncode or words[:1] != ["cpython"] or words[3:] != ["final"]:
        return None
    return int(words[1]), int(words[2])


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
