"""Tickwright: a job scheduler that speaks the APScheduler 3 API.

The numbers below are those of the APScheduler release whose API this package speaks, because
third-party code compares them. Tickwright's own version is that of its distribution.
"""

from __future__ import annotations

import os.path
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.runs.context import current_run

version_info: tuple[int, int, int] = (3, 11, 99)
release: str = "3.11.99"
version: str = release
__version__: str = release

__all__ = ["__version__", "current_run", "release", "version", "version_info"]


def __getattr__(name: str) -> object:
    """Load :func:`current_run` when it is first asked for, so that programs that do not ask pay nothing."""
    if name != "current_run":
        raise _missing(__name__, name)
    from apscheduler.runs.context import current_run

    globals()[name] = current_run
    return current_run


def _missing(package: str, name: str) -> Exception:
    """Return the error for a name that is not there; an import statement shows the words of an ImportError only."""
    said = None
    if not name.startswith("_") and not _is_file_of_ours(package, name):
        from apscheduler.other_releases import advice, is_import

        said = advice(name, package)
    error: type[Exception] = ImportError if said and is_import(sys._getframe(2)) else AttributeError
    return error(said or f"module {package!r} has no attribute {name!r}")


def _is_file_of_ours(package: str, name: str) -> bool:
    """Return whether there is such a module, which Python is about to import: ``from package import name`` asks first."""
    if package != __name__:
        return False
    path = os.path.join(os.path.dirname(__file__), name)  # noqa: PTH118, PTH120 - pathlib is not cheap to import
    return os.path.exists(path) or os.path.exists(f"{path}.py")  # noqa: PTH110 - as above


class _OtherReleases:
    """The finder that is asked last, for modules that nobody has: says what those of other releases are called here."""

    @staticmethod
    def find_spec(name: str, *_: object, **__: object) -> None:
        if not name.startswith("apscheduler.") or name == "apscheduler.other_releases":
            return
        try:
            from apscheduler.other_releases import error_of_import
        except ImportError:  # another package lies here by now
            return
        error = error_of_import(name, sys._getframe(2))
        if error is not None:
            raise error


if not any(getattr(each, "__name__", "") == "_OtherReleases" for each in sys.meta_path):
    sys.meta_path.append(_OtherReleases)  # once, however often this package is imported anew
