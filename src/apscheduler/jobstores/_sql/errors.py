"""The store's own error that listeners get. Users know it by the path of the face, which is also in pickles."""

from __future__ import annotations


class RunLostError(RuntimeError):
    """The node that ran the job died, or lost its lease; whether the run ended is not known."""

    __module__ = "apscheduler.jobstores.sqlalchemy"
