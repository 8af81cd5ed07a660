"""Tickwright: a job scheduler that speaks the APScheduler 3 API.

The numbers below are those of the APScheduler release whose API this package speaks, because
third-party code compares them. Tickwright's own version is that of its distribution.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.runs.context import current_run

version_info: tuple[int, int, int] = (3, 11, 99)
release: str = "3.11.99"
version: str = release
__version__: str = release

__all__ = ["__version__", "current_run", "release", "version", "version_info"]


def __getattr__(name: str) -> object:
    """Load :func:`current_run` when it is first asked for: programs that don't ask pay nothing."""
    if name != "current_run":
        raise _missing(name)
    from apscheduler.runs.context import current_run

    globals()[name] = current_run
    return current_run


def _missing(name: str) -> Exception:
    """Return the error for a name that is not here; an import statement shows only words of an ImportError."""
    import sys

    error: type[Exception] = AttributeError
    said = None
    if not name.startswith("_"):
        from apscheduler.other_releases import advice

        said = advice(name)
    if said and sys._getframe(2).f_globals.get("__name__") in {
        "_frozen_importlib",
        "importlib._bootstrap",
    }:
        error = ImportError
    return error(said or f"module {__name__!r} has no attribute {name!r}")
