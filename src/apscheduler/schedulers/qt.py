"""A scheduler in a Qt application."""

from __future__ import annotations

from apscheduler.elsewhere import names_of_3x
from apscheduler.loops.qt import BINDINGS, QtPort, installed
from apscheduler.schedulers._hosts.callback import CallbackScheduler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.loops.port import Port

if not installed():
    raise ImportError(
        f"QtScheduler requires one of {', '.join(BINDINGS)} installed: pip install PySide6"
    )


class QtScheduler(CallbackScheduler):
    """A scheduler in the event loop of a Qt application: :meth:`start` returns, and jobs run while the loop does.

    Jobs run in threads, listeners in the application's thread (where they may touch widgets). All methods may be
    called from any thread. Works with PySide6 and PyQt6: with the one the program has imported.
    """

    def _find_port(self) -> Port:
        return QtPort()

    def shutdown(self, *args: Any, **kwargs: Any) -> None:
        """Stop processing jobs. See :meth:`BaseScheduler.shutdown`.

        :param wait: as there
        :param timeout: as there; by name
        """
        super().shutdown(*args, **kwargs)


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
