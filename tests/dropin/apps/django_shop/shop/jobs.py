"""The shop's jobs."""

from __future__ import annotations

from django_apscheduler.models import DjangoJobExecution
from django_apscheduler.util import close_old_connections
from reporting import Tally

done = Tally()


@close_old_connections
def take_stock(shelf: str) -> str:
    """Use the database in the worker's thread, as a shop would."""
    done.add(shelf)
    return f"{DjangoJobExecution.objects.count()} executions so far"


def send_bills() -> None:
    raise ValueError("the printer is out of paper")


@close_old_connections
def forget_old_executions(max_age: int) -> None:
    DjangoJobExecution.objects.delete_old_job_executions(max_age)
