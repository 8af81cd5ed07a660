"""The command ``tickwright``, and ``apscheduler``, its second name: where both are entered.

It lies beside the two packages because it has to run where they do not: the import of ``tickwright`` comes first and fails where
``apscheduler`` is not ours. That sentence is all that is said then, except by ``doctor``, which such installations need.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_PACKAGE = "apscheduler"


def main(prog_name: str | None = None) -> None:
    """Run the command; where the package ``apscheduler`` is not ours, say so with the cure, and end with status 1."""
    try:
        import tickwright  # noqa: F401 - for its check
    except ImportError as error:
        refuse(error, prog_name)
    _run(prog_name)


def refuse(error: ImportError, prog_name: str | None) -> NoReturn:
    """Say why the command does not run, and end with status 1; the doctor looks all the same."""
    print(f"Error: {error}", file=sys.stderr)  # noqa: T201 - click comes with the command
    if sys.argv[1:2] == ["doctor"]:
        _look(prog_name)
    sys.exit(1)


def _run(prog_name: str | None) -> None:
    from apscheduler.cli import main as command

    command(prog_name=prog_name)


def _look(prog_name: str | None) -> None:
    """Let the doctor of our own folder look, whoever's package an import finds, and however much of ours is left."""
    from types import ModuleType

    for name in [name for name in sys.modules if name.partition(".")[0] == _PACKAGE]:
        del sys.modules[name]
    ours = ModuleType(_PACKAGE)
    ours.__path__ = [os.path.join(os.path.dirname(os.path.abspath(__file__)), _PACKAGE)]  # noqa: PTH100, PTH118, PTH120
    sys.modules[_PACKAGE] = ours
    try:
        _run(prog_name)
    except ImportError as error:
        print(f"The doctor cannot be started: {error}", file=sys.stderr)  # noqa: T201 - as above
    except SystemExit as end:  # whatever it found, something is wrong
        sys.exit(end.code or 1)
