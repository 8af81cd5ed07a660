"""The states of a scheduler: stopped → running ⇄ paused → stopped. A paused start goes from stopped to paused."""

from __future__ import annotations

STATE_STOPPED = 0
STATE_RUNNING = 1
STATE_PAUSED = 2
