"""Finds out in what kind of process a scheduler is."""

from __future__ import annotations

import sys

_OURS = ("apscheduler.", "tickwright.")


def is_reimporting_main() -> bool:
    """Return whether this process only re-imports its parent's main module.

    Workers that multiprocessing starts by spawn or forkserver do that before their work begins. A script without a
    main guard would start its scheduler once more there.
    """
    multiprocessing = sys.modules.get("multiprocessing.process")
    if multiprocessing is None:
        return False
    return bool(getattr(multiprocessing.current_process(), "_inheriting", False))


def check_uwsgi() -> None:
    """Refuse to start under uWSGI with threads disabled, because no job would ever run.

    :raises RuntimeError: in that case
    """
    uwsgi = sys.modules.get("uwsgi")
    options = getattr(uwsgi, "opt", None)
    if not options:
        return
    if not any(_is_set(options, name) for name in ("threads", "enable-threads")):
        raise RuntimeError(
            "uWSGI runs this application with threads disabled, so no job could ever run; "
            "give uwsgi the option --enable-threads (or --threads N)"
        )


def _is_set(options: dict[object, object], name: str) -> bool:
    value = options.get(name, options.get(name.encode()))
    return value not in (None, False, b"false", "false", b"0", "0", 0)


def is_by_script() -> bool:
    """Return whether the program's main script is the nearest caller outside of this package."""
    depth = 1
    while True:
        try:
            name = str(sys._getframe(depth).f_globals.get("__name__"))
        except ValueError:
            return False
        if not name.startswith(_OURS):
            return name == "__main__"
        depth += 1
