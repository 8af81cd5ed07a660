"""From measured rounds to lines of a table."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from math import inf

from benchmarks.goals import FASTER, LESS, Row
from benchmarks.measuring import Rounds

HEADER = (
    "goal",
    "work",
    "compared with",
    "ratio",
    "range",
    "wanted",
    "reached",
    "this run: ours",
    "this run: other",
)
_UNITS = {"us": "µs", "ms": "ms", "p99_ms": "ms", "cpu_ms": "ms/s", "bytes": "B"}
_UNITS |= dict.fromkeys(("add", "remove", "pause", "resume", "reschedule"), "µs")
_UNITS |= dict.fromkeys(("unchanged", "changed"), "µs")
_UNITS |= {"wakeups": "/s", "cores": "cores", "delivered": "", "s": "s", "peak_mb": "MB"}
_UNITS |= dict.fromkeys(("p50_ms", "longest_ms"), "ms")
_UNITS |= dict.fromkeys(("stall_p50_ms", "stall_p99_ms", "stall_longest_ms"), "ms")


@dataclass(frozen=True)
class Verdict:
    """One line of the table, measured."""

    row: Row
    other: str
    ratios: list[float]
    ours: float
    theirs: float | None

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    @property
    def margin(self) -> float:
        """By which part the goal is passed (negative: missed)."""
        if self.row.bound is None:
            return 0.0
        if self.row.sense == FASTER:
            return self.ratio / self.row.bound - 1
        return self.row.bound / self.ratio - 1 if self.ratio else inf

    @property
    def reached(self) -> bool:
        return self.margin >= 0


def judge(row: Row, rounds: Rounds) -> Verdict | None:
    """Return the line, or ``None`` where one of the two could not be measured."""
    ours = [metrics[row.metric] for metrics in rounds.values.get(row.ours, [])]
    if not ours or row.ours in rounds.errors:
        return None
    if not row.others:
        return Verdict(row, "", ours, statistics.median(ours), None)
    measured = {
        name: [metrics[row.metric] for metrics in rounds.values[name]]
        for name in row.others
        if name not in rounds.errors and rounds.values.get(name)
    }
    if not measured:
        return None
    best = min(measured, key=lambda name: statistics.median(measured[name]))
    ratios = [
        _ratio(row.sense, own, min(values))
        for own, *values in zip(ours, *measured.values(), strict=False)
    ]
    return Verdict(row, best, ratios, statistics.median(ours), statistics.median(measured[best]))


def _ratio(sense: str, ours: float, theirs: float) -> float:
    above, below = (ours, theirs) if sense == LESS else (theirs, ours)
    if below == 0:
        return 1.0 if above == 0 else inf
    return above / below


def cells(row: Row, verdict: Verdict | None) -> tuple[str, ...]:
    """Return the texts of one line."""
    wanted = "-" if row.bound is None else f"{row.sense} {_number(row.bound)}"
    if verdict is None:
        others = ", ".join(row.others)
        return (row.goal, row.work, others, "not measured", "", wanted, "no", "", "")
    spread = f"{_number(min(verdict.ratios))} … {_number(max(verdict.ratios))}"
    unit = _UNITS[row.metric]
    return (
        row.goal,
        row.work,
        verdict.other or ("all of them" if row.metric == "delivered" else "(a fixed bound)"),
        f"**{_number(verdict.ratio)}**",
        spread if len(verdict.ratios) > 1 else "",
        wanted,
        _reached(verdict),
        f"{_number(verdict.ours)} {unit}".strip(),
        "" if verdict.theirs is None else f"{_number(verdict.theirs)} {unit}".strip(),
    )


def _reached(verdict: Verdict) -> str:
    if verdict.row.bound is None:
        return "-"
    by = "∞" if verdict.margin == inf else f"{verdict.margin * 100:+.0f} %"
    return f"{'yes' if verdict.reached else '**no**'} ({by})"


def _number(value: float) -> str:
    """Return three significant digits, never in powers of ten."""
    if value == inf:
        return "∞"
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}" if abs(value) >= 0.001 else f"{value:.4f}"


def markdown(lines: list[tuple[str, ...]]) -> str:
    """Return a table whose columns line up in a terminal, too."""
    table = [HEADER, *lines]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]

    def line(texts: tuple[str, ...]) -> str:
        padded = (text.ljust(width) for text, width in zip(texts, widths, strict=True))
        return f"| {' | '.join(padded)} |"

    rule = tuple("-" * width for width in widths)
    return "\n".join([line(HEADER), line(rule), *map(line, lines)])
