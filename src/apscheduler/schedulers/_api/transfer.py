"""Writes jobs to a JSON file in 3.11's format, for people and other machines, and reads such files with suspicion.

What JSON cannot express is written as one of two objects that are used for nothing else:

    {"__apscheduler_class__": "module:Class", "__apscheduler_state__": {...}}     triggers
    {"__apscheduler_pickle__": "<base64>"}                                        everything else

So such a file can name any callable and carry pickles: whoever wrote it can run code here. Import only what you
trust. The document's head and each job's outline are checked before the first pickle is opened. No job is added before
all jobs are complete: a file is imported whole or not at all.
"""

from __future__ import annotations

import json
import os
import pickle
from base64 import b64decode, b64encode
from pathlib import Path

from apscheduler import version as scheduler_version
from apscheduler.job import Job
from apscheduler.jobstores.base import ConflictingIdError, unshowable
from apscheduler.references import obj_to_ref, ref_to_obj
from apscheduler.schedulers._states import STATE_STOPPED
from apscheduler.texts import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from apscheduler.schedulers._contract import HasJobs, HasStores, Logs

    class Exported(HasJobs, HasStores, Logs, Protocol):
        """What the export and the import need of a scheduler."""

        def _add_pending(self, job: Job, alias: str, replace_existing: bool) -> None: ...

        def _real_add_job(self, job: Job, jobstore_alias: str, replace_existing: bool) -> None: ...


FORMAT_VERSION = 1
JOB_VERSION = 1

_CLASS = "__apscheduler_class__"
_STATE = "__apscheduler_state__"
_PICKLE = "__apscheduler_pickle__"
_JOB_KEYS = frozenset(
    (
        *("args", "coalesce", "executor", "func", "id", "kwargs", "max_instances"),
        *("misfire_grace_time", "name", "next_run_time", "trigger"),
    )
)
_CHECKED_KEYS = (
    *("name", "misfire_grace_time", "timeout", "delivery", "coalesce", "max_instances"),
    *("trigger", "executor", "next_run_time"),
)


# -- writing --------------------------------------------------------------------------------------------------


def export_jobs(scheduler: Exported, outfile: Any, jobstore: str | None) -> None:
    """Write the jobs of one store or of all to a path or text file; nothing is written if a job cannot be.

    :raises RuntimeError: if the scheduler is not running
    :raises KeyError: if there is no such store
    :raises ValueError: for a job that cannot be written down
    """
    if scheduler.state == STATE_STOPPED:
        raise RuntimeError(
            "jobs are exported from their stores, which open when the scheduler starts: start it first "
            "(start(paused=True) runs nothing)"
        )
    if jobstore is not None:
        scheduler._lookup_jobstore(jobstore)
    document = {
        "version": FORMAT_VERSION,
        "scheduler_version": scheduler_version,
        "jobs": [_written_job(job) for job in _whole_jobs(scheduler, jobstore)],
    }
    text = json.dumps(document)
    if isinstance(outfile, str | os.PathLike):
        Path(outfile).write_text(text, encoding="utf-8")
    elif hasattr(outfile, "write"):
        outfile.write(text)
    else:
        raise TypeError(f"outfile must be a path or a text file open for writing, not {outfile!r}")


def _whole_jobs(scheduler: Exported, jobstore: str | None) -> list[Job]:
    """Return the jobs that can be restored and shown, and say in the log which cannot."""
    jobs = scheduler.get_jobs(jobstore)
    hidden = {id(job) for job in jobs if unshowable([job], "")}
    whole = [job for job in jobs if id(job) not in hidden]
    ids = {(job._jobstore_alias, job.id) for job in whole}
    for each in scheduler.get_quarantined(jobstore):
        if (each.jobstore, each.job_id) not in ids:
            scheduler._logger.warning(
                "Job %r of job store %r is left out of the export: it is quarantined (%s)",
                *(each.job_id, each.jobstore, each.reason),
            )
    return whole


def _written_job(job: Job) -> dict[str, Any]:
    state = job.__getstate__()
    try:
        return {
            **state,
            "trigger": _written_trigger(state["trigger"]),
            "args": [_written(each) for each in state["args"]],
            "kwargs": {key: _written(each) for key, each in state["kwargs"].items()},
            "next_run_time": _written(state["next_run_time"]),
        }
    except Exception as exc:
        raise ValueError(f"job {job.id!r} cannot be exported: {line(str(exc))}") from exc


def _written_trigger(trigger: Any) -> Any:
    cls = type(trigger)
    state = trigger.__getstate__() if hasattr(cls, "__setstate__") else None
    if not isinstance(state, dict):
        return _pickled(trigger)
    return {_CLASS: obj_to_ref(cls), _STATE: _written_state(state)}


def _written_state(value: Any) -> Any:
    """Return a part of a trigger's state; its tuples become lists, as they do in 3.x."""
    if isinstance(value, tuple | list):
        return [_written_state(each) for each in value]
    if isinstance(value, dict) and _has_plain_keys(value):
        return {key: _written_state(each) for key, each in value.items()}
    return _written(value)


def _written(value: Any) -> Any:
    """Return a value in a form that JSON can hold and from which it comes back equal and of the same type."""
    cls = type(value)
    if value is None or cls in (bool, int, float, str):
        return value
    if cls is list:
        return [_written(each) for each in value]
    if cls is dict and _has_plain_keys(value):
        return {key: _written(each) for key, each in value.items()}
    return _pickled(value)


def _has_plain_keys(mapping: dict[Any, Any]) -> bool:
    """Return whether JSON gives these keys back as they are, and none of them is one of our marks."""
    return all(type(key) is str for key in mapping) and mapping.keys().isdisjoint((_CLASS, _PICKLE))


def _pickled(value: Any) -> dict[str, str]:
    return {_PICKLE: b64encode(pickle.dumps(value, 5)).decode("ascii")}


# -- reading --------------------------------------------------------------------------------------------------


def import_jobs(scheduler: Exported, infile: Any, jobstore: str, *, replace_existing: bool) -> None:
    """Add the jobs of a path or file to a store; before the scheduler's start they are pending.

    :raises KeyError: if there is no such store
    :raises ValueError: for a file that is not an export, or a newer version's; nothing was imported
    :raises LookupError: if a callable or class it names is not there; nothing was imported
    :raises ConflictingIdError: if the file has two jobs of one id, or one that is taken; nothing was imported
    """
    stopped = scheduler.state == STATE_STOPPED
    if not (stopped and jobstore == "default"):
        scheduler._lookup_jobstore(jobstore)
    outlines = _outlines(_loaded(infile))
    jobs = [_read_job(scheduler, outline) for outline in outlines]
    if not replace_existing:
        for job in jobs:
            if scheduler.get_job(job.id, jobstore) is not None:
                raise ConflictingIdError(job.id)
    for job in jobs:
        if stopped:
            scheduler._add_pending(job, jobstore, replace_existing)
        else:
            scheduler._real_add_job(job, jobstore, replace_existing)


def _loaded(infile: Any) -> Any:
    if isinstance(infile, str | os.PathLike):
        text: str | bytes = Path(infile).read_text(encoding="utf-8")
    elif hasattr(infile, "read"):
        text = infile.read()
    else:
        raise TypeError(f"infile must be a path or a file open for reading, not {infile!r}")
    try:
        return json.loads(text)
    except ValueError as exc:
        raise ValueError(f"this is no export of jobs: it is not JSON ({line(str(exc))})") from exc


def _outlines(document: Any) -> list[dict[str, Any]]:
    """Return the jobs of a document as they were written; their shape is checked, and nothing is unpickled yet."""
    if not isinstance(document, dict) or "version" not in document:
        raise ValueError(
            "this is no export of jobs: expected a JSON object with 'version' and 'jobs'"
        )
    found = document["version"]
    if found != FORMAT_VERSION:
        raise ValueError(
            f"this export has the format version {found!r}, and only version {FORMAT_VERSION} can be read "
            "here: import it with the release that wrote it, or a newer one"
        )
    outlines = document.get("jobs")
    if not isinstance(outlines, list):
        raise ValueError(  # noqa: TRY004 - as below
            "this export is damaged: 'jobs' must be a list of jobs"
        )
    seen: set[str] = set()
    for position, outline in enumerate(outlines):
        _check_outline(position, outline)
        if outline["id"] in seen:
            raise ConflictingIdError(outline["id"])
        seen.add(outline["id"])
    return outlines


def _check_outline(position: int, outline: Any) -> None:
    where = f"job number {position + 1} of this export"
    if not isinstance(outline, dict):
        raise ValueError(  # noqa: TRY004 - as below
            f"{where} is damaged: expected an object, not {outline!r}"
        )
    where += f" ({outline.get('id')!r})"
    found = outline.get("version", JOB_VERSION)
    if found != JOB_VERSION:
        raise ValueError(
            f"{where} has the version {found!r}, and only version {JOB_VERSION} can be read here"
        )
    missing = sorted(_JOB_KEYS.difference(outline))
    if missing:
        raise ValueError(f"{where} is damaged: it has no {', '.join(missing)}")
    for key, kind in (("id", str), ("func", str), ("args", list), ("kwargs", dict)):
        if not isinstance(outline[key], kind):
            raise ValueError(  # noqa: TRY004 - the type that json and 3.x raise for a bad file
                f"{where} is damaged: {key!r} must be a {kind.__name__}, not {outline[key]!r}"
            )
    if not outline["id"]:
        raise ValueError(f"{where} is damaged: its id is empty")


def _read_job(scheduler: Exported, outline: dict[str, Any]) -> Job:
    """Return a complete job, its attributes checked as if a user had given them.

    :raises ValueError, LookupError: if it is not right
    """
    job = Job.__new__(Job)
    try:
        state = {key: _read(value) for key, value in outline.items()}
        state["args"] = tuple(state["args"])
        job.__setstate__(state)
        job._scheduler = scheduler
        job._apply(job._checked({key: getattr(job, key) for key in _CHECKED_KEYS}))
    except LookupError as exc:
        raise LookupError(
            f"job {outline['id']!r} cannot be imported: {line(str(_first(exc)))}"
        ) from exc
    except Exception as exc:
        raise ValueError(f"job {outline['id']!r} cannot be imported: {line(str(exc))}") from exc
    return job


def _first(exc: LookupError) -> object:
    """Return a lookup error's text; ``str`` of a KeyError would quote it."""
    return exc.args[0] if exc.args else exc


def _read(value: Any) -> Any:
    if isinstance(value, list):
        return [_read(each) for each in value]
    if not isinstance(value, dict):
        return value
    if _PICKLE in value:
        return pickle.loads(b64decode(value[_PICKLE], validate=True))  # noqa: S301 - see above
    if _CLASS in value:
        if _STATE not in value:
            raise ValueError(f"{value[_CLASS]!r} comes without its {_STATE}")
        return _made(ref_to_obj(value[_CLASS]), _read(value[_STATE]))
    return {key: _read(each) for key, each in value.items()}


def _made(cls: Any, state: Any) -> Any:
    made = cls.__new__(cls)
    made.__setstate__(state)
    return made
