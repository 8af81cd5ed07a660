"""The part of a scheduler that makes triggers from their names and arguments."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping

from apscheduler.schedulers._api.calendars import CalendarRegistry, split_off, under
from apscheduler.schedulers._api.parts import _is_subclass
from apscheduler.schedulers._api.plugins import Plugins, load_plugin
from apscheduler.schedulers._overridden import is_as_made
from apscheduler.triggers.base import BaseTrigger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

_JOB_OPTIONS = (
    *("args", "coalesce", "executor", "id", "jobstore", "kwargs", "max_instances"),
    *("misfire_grace_time", "name", "next_run_time", "replace_existing", "timeout"),
    *("delivery", "keep_next_run_time"),
)
"""What ``add_job`` takes besides the arguments of triggers, for the errors about these."""


class TriggerMaking(CalendarRegistry):
    """Triggers by the names of their plug-ins."""

    _trigger_plugins: MutableMapping[str, Any] = Plugins("triggers")
    _trigger_classes: ClassVar[dict[str, Any]] = {}

    def _create_trigger(self, trigger: Any, trigger_args: Mapping[str, Any]) -> BaseTrigger:
        """Return the trigger itself, or make it from its name and arguments."""
        if isinstance(trigger, BaseTrigger):
            if "calendar" in trigger_args or "closed" in trigger_args:
                calendar, closed, _ = split_off(trigger_args)
                return under(trigger, calendar, closed)
            return trigger
        if trigger is None:
            trigger = "date"
        elif not isinstance(trigger, str):
            raise TypeError(f"expected a trigger or the name of one, not {trigger!r}")
        cls = self._trigger_class(trigger)
        calendar = closed = None
        if "calendar" in trigger_args or "closed" in trigger_args:
            calendar, closed, trigger_args = split_off(trigger_args, _parameters(cls))
        try:
            if not is_as_made(self, "_create_plugin_instance", _OWN_PLUGIN):
                arguments = {"timezone": self.timezone, **trigger_args}
                made: BaseTrigger = self._create_plugin_instance("trigger", trigger, arguments)
            elif "timezone" in trigger_args:
                made = cls(**trigger_args)
            else:
                made = cls(timezone=self.timezone, **trigger_args)
        except TypeError as exc:
            from apscheduler.triggers.arguments import better_type_error

            raise better_type_error(cls, trigger, trigger_args, exc, _JOB_OPTIONS) from exc
        if self._clock is not None:
            made.begin_at(self._now_us())
        return under(made, calendar, closed)

    def _trigger_class(self, name: str) -> Any:
        cls = self._trigger_classes.get(name)
        if cls is None:
            try:
                cls = load_plugin("trigger", name, self._trigger_plugins, _is_subclass(BaseTrigger))
            except LookupError:
                from apscheduler.schedulers._api.positional import what_name_means

                meant = what_name_means(name)
                if meant is None:
                    raise
                raise LookupError(meant) from None
            self._trigger_classes[name] = cls
        return cls

    def _create_plugin_instance(
        self, type_: str, alias: str, constructor_kwargs: Mapping[str, Any]
    ) -> Any:
        if type_ == "trigger":
            return self._trigger_class(alias)(**constructor_kwargs)
        return super()._create_plugin_instance(type_, alias, constructor_kwargs)


_OWN_PLUGIN = TriggerMaking._create_plugin_instance


def _parameters(cls: Any) -> Mapping[str, Any]:
    """Return the parameters of a trigger's class by name; none if they are not known."""
    from inspect import signature

    try:
        return signature(cls).parameters
    except (TypeError, ValueError):
        return {}
