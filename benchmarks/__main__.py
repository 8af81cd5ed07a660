"""``python3 dev.py bench``: one interleaved run, one table of ratios."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Sequence

from benchmarks.before import compare
from benchmarks.goals import GOALS, Plan, Row, plan
from benchmarks.measuring import ALPHA, OURS, PEERS, REFERENCE, ROOT, Rounds, take_turns
from benchmarks.table import Verdict, cells, judge, markdown

PAGE = ROOT / "docs" / "explanation" / "performance.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.write and (options.quick or options.only):
        parser.error("--write wants the whole run: leave out --quick and --only")
    began = time.monotonic()
    chosen = _chosen(plan(quick=options.quick, rounds=options.rounds), options.only)
    if options.before:
        return 1 if compare(chosen, options.before, sys.executable, options.rounds) else 0
    measured = _measure(chosen, _pythons(chosen))
    verdicts = [(row, judge(row, measured[row.comparison])) for row in chosen.rows]
    table = markdown([cells(row, verdict) for row, verdict in verdicts])
    about = _about(verdicts, began, quick=options.quick)
    print(f"{table}\n\n{about}")
    if options.write:
        _write(f"{table}\n\n{about}")
    return 1 if any(verdict is None for _, verdict in verdicts) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small and once: does it work at all")
    parser.add_argument("--only", type=_goals, metavar="G3,G8", help="these goals alone")
    parser.add_argument("--rounds", type=int, default=5, help="rounds per comparison (default: 5)")
    parser.add_argument(
        "--before", metavar="REVISION", help="beside this earlier commit instead of beside others"
    )
    parser.add_argument(
        "--write", action="store_true", help="put the table into docs/explanation/performance.md"
    )
    return parser


def _goals(text: str) -> set[str]:
    wanted = {part.strip().upper() for part in text.split(",")}
    unknown = sorted(wanted.difference(GOALS))
    if unknown:
        raise argparse.ArgumentTypeError(
            f"no goal {', '.join(unknown)} is measured here; there are {', '.join(GOALS)}"
        )
    return wanted


def _chosen(whole: Plan, goals: set[str] | None) -> Plan:
    rows = [row for row in whole.rows if goals is None or row.goal in goals]
    needed = {row.comparison for row in rows}
    kept = {name: each for name, each in whole.comparisons.items() if name in needed}
    return Plan(kept, rows)


def _pythons(chosen: Plan) -> dict[str, str]:
    """Return the interpreters by environment; without an own one, the alpha or the peers are left out."""
    found = {OURS: sys.executable}
    contenders = [one for each in chosen.comparisons.values() for one in each.contenders]
    wanted = {contender.environment for contender in contenders}
    if REFERENCE in wanted:
        found[REFERENCE] = _python_of(REFERENCE)
    for peers, name in ((ALPHA, "The 4.x alpha"), (PEERS, "The cluster peers")):
        if peers in wanted:
            try:
                found[peers] = _python_of(peers)
            except Exception as exc:  # noqa: BLE001 - who is not there costs its own lines only
                print(f"{name}: left out, {exc}", file=sys.stderr)
    return found


def _python_of(environment: str) -> str:
    from tools import environments

    given = os.environ.get(f"TICKWRIGHT_{environment.upper()}_PYTHON")
    return given or str(environments.ensure(f".venv-{environment}", environment, project=False))


def _measure(chosen: Plan, pythons: dict[str, str]) -> dict[str, Rounds]:
    measured = {}
    for number, (name, comparison) in enumerate(chosen.comparisons.items(), 1):
        began = time.monotonic()
        measured[name] = take_turns(comparison, pythons)
        passed = time.monotonic() - began
        place = f"[{number}/{len(chosen.comparisons)}]"
        print(f"{place} {name} ({passed:.0f} s)", file=sys.stderr, flush=True)
    return measured


def _about(verdicts: list[tuple[Row, Verdict | None]], began: float, *, quick: bool) -> str:
    judged = [verdict for _, verdict in verdicts if verdict and verdict.row.bound is not None]
    reached = sum(verdict.reached for verdict in judged)
    minutes = (time.monotonic() - began) / 60
    kind = "a smoke run: its numbers mean nothing" if quick else f"{minutes:.0f} minutes"
    return (
        f"{reached} of {len(judged)} lines reached; CPython {platform.python_version()}, "
        f"{os.cpu_count()} CPUs, {kind}."
    )


def _write(text: str) -> None:
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
