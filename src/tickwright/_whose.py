"""Checks that the package ``apscheduler`` that an import finds is the one that was installed with this one.

APScheduler's distribution has a package of that name. If it is installed later, its files replace ours, and programs
run APScheduler. Our wheel's record says which files are ours, and how large they are. It lies beside the packages, so
no metadata has to be searched for. If there is none (a checkout, a zip file), only the place is checked.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SITE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - start-up time
CURE = (
    "run: pip uninstall APScheduler, then, in a checkout of tickwright: pip install --force-reinstall --no-deps . "
    "(or with its built wheel in place of the dot). "
    "Libraries that need APScheduler: docs/how-to/libraries-that-need-apscheduler.md"
)
_MARK = "apscheduler/__init__.py"


def check() -> None:
    """Check the package. ``python -m tickwright`` ends with the error's sentence, as the command does.

    :raises ImportError: if it is another package; its one sentence says what to do
    """
    hidden = _hidden()
    fault = (hidden and f"{hidden} has its name, and is found first; rename it") or _overwritten()
    if not fault:
        return
    error = ImportError(f"the package 'apscheduler' is not tickwright's: {fault}")
    if _is_run():
        from tickwright_command import refuse

        refuse(error, "python -m tickwright")
    raise error


def _is_run() -> bool:
    """Return whether ``python -m`` imports us on the way to ``__main__``: no code of ours runs yet to catch errors."""
    if sys.argv[:1] != ["-m"]:  # its value while Python looks for the module to run
        return False
    frame = sys._getframe()
    here = {__name__, __package__, "_frozen_importlib", "importlib._bootstrap"}
    here |= {"_frozen_importlib_external", "importlib._bootstrap_external"}
    while frame.f_back is not None and frame.f_globals.get("__name__") in here:
        frame = frame.f_back
    return frame.f_globals.get("__name__") == "runpy"


def _hidden() -> str | None:
    """Return the program's own file or folder that an import would take for the package; none of its code is run."""
    if "apscheduler" in sys.modules:
        spec = getattr(sys.modules["apscheduler"], "__spec__", None)
    else:
        finders = (getattr(each, "find_spec", None) for each in sys.meta_path)
        found = (find("apscheduler", None) for find in finders if find)
        spec = next((each for each in found if each), None)
    if spec is None or not spec.has_location:
        return None
    if spec.submodule_search_locations is None:
        return f"the file {spec.origin}"
    folder = os.path.dirname(spec.origin)  # noqa: PTH120 - start-up time
    if os.path.isdir(os.path.join(folder, "triggers")):  # noqa: PTH112, PTH118 - every APScheduler has it
        return None
    here = os.path.realpath(os.path.dirname(folder)) == os.path.realpath(SITE)  # noqa: PTH120
    return None if here else f"the folder {folder}"


def _overwritten() -> str | None:
    """Return what is wrong with the package and the cure, ``None`` if it is ours."""
    fault = _misplaced() or _changed(SITE) or _foreign()
    return f"{fault}; {CURE}" if fault else None


def _misplaced() -> str | None:
    """Return what is wrong with the place in which an import finds the package, ``None`` if it is right."""
    try:
        import apscheduler
    except Exception as exc:  # noqa: BLE001 - whatever package is there; the sentence names the error
        return f"importing it failed ({type(exc).__name__}: {exc})"
    file = getattr(apscheduler, "__file__", None)
    if file is None:
        return f"its __init__.py is missing from {SITE}"
    place = os.path.dirname(os.path.dirname(os.path.abspath(file)))  # noqa: PTH100, PTH120
    if os.path.realpath(place) != os.path.realpath(SITE):
        return f"it is found in {place} and not beside tickwright in {SITE} (look at sys.path and PYTHONPATH)"
    return None


def _foreign() -> str | None:
    """Return what is wrong with the package itself if the record did not tell."""
    if "current_run" in getattr(sys.modules["apscheduler"], "__all__", ()):
        return None
    return f"in {SITE} its files were overwritten{_by()}"


def _changed(site: str) -> str | None:
    """Return what the record finds wrong with its files, ``None`` if they are ours or there is no record."""
    sizes = dict(_recorded(site))
    if _MARK not in sizes:
        return None
    missing, other = 0, 0
    for name, (size, _) in sizes.items():
        try:
            found = os.stat(os.path.join(site, name)).st_size  # noqa: PTH116, PTH118
        except OSError:
            missing += 1
            continue
        other += found != size
    if not missing and not other and _is_as_recorded(site, sizes[_MARK][1]):
        return None
    faults = []
    if other or not missing:
        faults.append(_of(max(other, 1), len(sizes), f"overwritten{_by()}"))
    if missing:
        faults.append(_of(missing, len(sizes), "removed"))
    return f"in {site} {' and '.join(faults)}"


def _of(count: int, total: int, what: str) -> str:
    return f"{count} of its {total} files {'was' if count == 1 else 'were'} {what}"


def _recorded(site: str) -> Iterator[tuple[str, tuple[int, str]]]:
    """Yield each file of the package that was installed with this one, with its size and hash."""
    try:
        names = [each for each in os.listdir(site) if _is_our_metadata(each)]  # noqa: PTH208
        if len(names) != 1:
            return
        with open(os.path.join(site, names[0], "RECORD"), encoding="utf-8") as file:  # noqa: PTH118, PTH123
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for line in lines:
        name, _, rest = line.partition(",")
        digest, _, size = rest.partition(",")
        if name.startswith("apscheduler/") and size.isdecimal():
            yield name, (int(size), digest)


def _is_our_metadata(name: str) -> bool:
    return name.startswith("tickwright-") and name.endswith(".dist-info")


def _is_as_recorded(site: str, digest: str) -> bool:
    """Return whether the first file that APScheduler would overwrite is the recorded one."""
    from binascii import b2a_base64  # the module base64 would import regular expressions
    from hashlib import sha256

    algorithm, _, wanted = digest.partition("=")
    if algorithm != "sha256":
        return True
    with open(os.path.join(site, _MARK), "rb") as file:  # noqa: PTH118, PTH123
        found = b2a_base64(sha256(file.read()).digest(), newline=False).decode()
    return found.translate({43: "-", 47: "_"}).rstrip("=") == wanted


def _by() -> str:
    """Return " by APScheduler" and its version if another one says its version, else ""."""
    version = getattr(sys.modules.get("apscheduler"), "__version__", None)
    return "" if version in (None, "3.11.99") else f" by APScheduler {version}"
