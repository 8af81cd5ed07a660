"""Has the names of 3.x's ``apscheduler.util`` for its users; our own modules import from where they are defined."""

from __future__ import annotations

from apscheduler.callables import check_callable_args, iscoroutinefunction_partial
from apscheduler.elsewhere import names_of_3x
from apscheduler.markers import undefined
from apscheduler.moments import (
    asbool,
    asdate,
    asint,
    astimezone,
    convert_to_datetime,
    datetime_ceil,
    datetime_repr,
    datetime_to_utc_timestamp,
    datetime_utc_add,
    localize,
    normalize,
    timedelta_seconds,
    timezone_repr,
    utc_timestamp_to_datetime,
)
from apscheduler.references import get_callable_name, maybe_ref, obj_to_ref, ref_to_obj

__all__ = (
    "asbool",
    "asdate",
    "asint",
    "astimezone",
    "check_callable_args",
    "convert_to_datetime",
    "datetime_ceil",
    "datetime_repr",
    "datetime_to_utc_timestamp",
    "datetime_utc_add",
    "get_callable_name",
    "iscoroutinefunction_partial",
    "localize",
    "maybe_ref",
    "normalize",
    "obj_to_ref",
    "ref_to_obj",
    "timedelta_seconds",
    "timezone_repr",
    "undefined",
    "utc_timestamp_to_datetime",
)


TYPE_CHECKING = False
if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
