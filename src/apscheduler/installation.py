"""Finds out whether APScheduler is installed over this package's files.

Where both are installed, each file is the one that was written last. So this module and the doctor above it import
nothing else of the package: they must work even if the rest is APScheduler's, or is missing.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging

SITE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - start-up time
"""The folder the package lies in."""
REMEDY = (
    "run: pip uninstall APScheduler, then, in a checkout of tickwright: pip install --force-reinstall --no-deps . "
    "(or with its built wheel in place of the dot). "
    "Libraries that need APScheduler: docs/how-to/libraries-that-need-apscheduler.md"
)
_NAME = "apscheduler"
_looked = False  # whether this process has looked; two threads may both do so


def warn_of_foreign_copies(logger: logging.Logger) -> None:
    """Log, once per process, that a distribution APScheduler is installed in the folder of this package."""
    global _looked  # noqa: PLW0603 - once per process
    if _looked:
        return
    _looked = True
    for version in foreign_copies(SITE):
        logger.warning(
            "APScheduler %s is installed over the same files as tickwright, in %s: upgrading or removing either "
            "one breaks the other; 'apscheduler doctor' says what is broken now. To end this %s",
            version,
            SITE,
            REMEDY,
        )


def foreign_copies(folder: str) -> list[str]:
    """Return the versions of each APScheduler in a folder of ``sys.path`` that is not the shim of this project.

    It looks at names only: importing ``importlib.metadata`` would cost a start more than all the rest.
    """
    try:
        names = os.listdir(folder)  # noqa: PTH208 - start-up time
    except OSError:  # a zip file, or gone
        return []
    found = [name for name in names if _is_metadata(name)]
    return sorted(_version(name) for name in found if not _is_shim(os.path.join(folder, name)))  # noqa: PTH118


def _is_metadata(name: str) -> bool:
    lower = name.lower()
    return lower.startswith((f"{_NAME}-", f"{_NAME}.")) and lower.endswith(
        (".dist-info", ".egg-info")
    )


def _version(name: str) -> str:
    words = name.rpartition(".")[0].split("-")  # name-version, or name-version-pyX.Y
    return words[1] if len(words) > 1 else "(of an unknown version)"


def _is_shim(metadata: str) -> bool:
    """Return whether metadata is that of ``shim/``: it depends on tickwright."""
    try:
        with open(os.path.join(metadata, "METADATA"), encoding="utf-8") as file:  # noqa: PTH118, PTH123
            return any(line.lower().startswith("requires-dist: tickwright") for line in file)
    except (OSError, UnicodeDecodeError):
        return False
