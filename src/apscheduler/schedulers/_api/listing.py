"""The lines that ``print_jobs()`` prints. Loaded when it is first called."""

from __future__ import annotations

from apscheduler.moments import datetime_repr
from apscheduler.texts import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.job import Job
    from apscheduler.jobstores._plain.claims import Store
    from apscheduler.jobstores.base import Quarantined


def lines_of(store: Store) -> list[str]:
    """Return a line for each job of a store, those that cannot be restored or shown last."""
    jobs = store.get_all_jobs()
    ids = {job.id for job in jobs}
    hidden = [each for each in store.quarantined() if each.job_id not in ids]
    return [
        *map(line_of, jobs),
        *map(_line_of_quarantined, hidden),
    ]


def _line_of_quarantined(each: Quarantined) -> str:
    """Return a line like that of other jobs, as far as the job's row can be read, with the reason of its quarantine."""
    when = each.next_run_time
    called = each.job_id if each.name in (None, each.job_id) else f"{each.name} [{each.job_id}]"
    known = [f"trigger: {each.trigger}"] if each.trigger else []
    if each.is_paused:
        known.append("paused")
    elif when is not None:
        known.append(f"next run at: {datetime_repr(when)}")
    text = f"{', '.join(known)}; " if known else ""
    return line(f"    {called} ({text}quarantined: {each.reason})")


def line_of(job: Job) -> str:
    try:
        return line(f"    {job}")
    except Exception as exc:  # noqa: BLE001 - a job of a store or class of anyone's
        return line(f"    {job.id} (cannot be shown: {type(exc).__name__}: {exc})")
