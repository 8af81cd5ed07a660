"""The commands of ``dev.py``."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tools import (
    ROOT,
    TESTED,
    TESTED_VARIABLE,
    changes,
    coverage_runs,
    debian,
    environments,
    machine_names,
    mutant_runs,
    option_page,
    packaging,
    slow_tests,
    state_page,
    wheels,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

LONG_MARK = "TICKWRIGHT_LONG"
FAST_MARK = mutant_runs.FAST_MARK
LONG_TIMEOUT_SECONDS = "1800"
CAMPAIGNS = {"postgresql": 10_000, "mariadb": 2_000, "sqlite": 2_000}
"""How many processes the long tests kill on each store."""
SERVERS_AND_POOLS = (
    *("tests/servers", "tests/pools", "tests/dropin", "tests/plain"),
    "tests/tools/test_fuzz.py",
)
"""Tests of other people's programs, which have minutes of their own in CI."""
OF_THE_INTERPRETER = ("tests/executors", "tests/runs")
"""Tests of what differs from one CPython to the next: threads, processes, signals, event loops."""
DOCUMENTATION = (
    "tests/test_docs.py",
    "tests/test_doc_links.py",
    "tests/test_schedules_page.py",
    "tests/test_why_page.py",
    "tests/test_stop_and_restart_page.py",
    "tests/tools/test_option_page.py",
    "tests/tools/test_state_page.py",
)
"""Tests that hold the pages against the code."""
WORKERS = 2
SUITE_WORKERS = 3
"""One more than cores: the tests of stores and processes wait for a third of their time."""
_NOTHING_COLLECTED = 5  # pytest's exit status


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options, rest = _parser().parse_known_args(arguments)
    if rest and options.command not in {"test", "bench", "coverage"}:
        _parser().error(f"{options.command} takes no {' '.join(rest)}")
    options.rest = rest
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # thousands of processes import the same
    command: Callable[[argparse.Namespace], int] = options.run
    try:
        return command(options)
    except environments.SetupError as error:
        print(f"dev.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dev.py", description="The project's one entry.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, (run, text) in _commands().items():
        command = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        command.set_defaults(run=run)
        if name == "test":
            _add_test_options(command)
        if name == "mutants":
            _add_mutant_options(command)
        if name == "fuzz":
            _add_fuzz_options(command)
    return parser


def _commands() -> dict[str, tuple[Callable[[argparse.Namespace], int], str]]:
    return {
        "demo": (demo, "run the seed's complete example for about 15 s and show what happened"),
        "test": (test, "run the tests; what it does not know goes to pytest"),
        "check": (
            check,
            "formatting, ruff, mypy, import layers, no machine's names in files, what users are told of changes",
        ),
        "bench": (
            bench,
            "measure beside the reference implementation; --quick, --only G3,G8, --rounds 9, --before REVISION, --write",
        ),
        "docs": (
            docs,
            "run the documentation's code blocks, follow its links, and compare its pages with the code",
        ),
        "pages": (pages, "write the pages of the documentation that are made from the source anew"),
        "lock": (lock, "renew the pinned requirements from requirements/*.in"),
        "system": (system, "install the programs that tests need, as root on Debian"),
        "package": (
            package,
            "build a release into dist/, twice, and try the wheel in a fresh environment",
        ),
        "mutants": (
            mutants,
            "break random lines of the core and say which of them no test notices",
        ),
        "coverage": (
            coverage,
            "run the tests and say which lines and branches none of them runs; what it does not know goes to pytest",
        ),
        "fuzz": (
            fuzz,
            "play random programs on the reference implementation and on ours, and compare",
        ),
        "pythons": (
            pythons,
            "the fast tests, and all of executors, on every other CPython >= 3.11 found here",
        ),
        "slow": (
            slow,
            "measure which tests `test --fast` leaves out, and which files the suite begins with",
        ),
    }


def command_names() -> set[str]:
    """Return the names of all commands."""
    return set(_commands())


def _add_test_options(command: argparse.ArgumentParser) -> None:
    extent = command.add_mutually_exclusive_group()
    extent.add_argument("--fast", action="store_true", help="leave out what takes long")
    extent.add_argument(
        "--long",
        action="store_true",
        help="many more generated examples, and thousands of killed processes",
    )
    command.add_argument("--python", metavar="PATH", help="another CPython, in a .venv of its own")


def _add_mutant_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--count", type=int, default=90, help="how many lines (default 90)")
    command.add_argument("--seed", type=int, default=0, help="which sample (default 0)")
    command.add_argument("--fast", action="store_true", help="the fast tests only")
    command.add_argument("--jobs", type=int, default=2, help="how many side by side (default 2)")
    command.add_argument(
        "--numbers", type=_numbers, default=(), metavar="3,17", help="these of the sample only"
    )
    command.add_argument(
        "--most", type=int, metavar="N", help="ask the N narrowest tests of a line only"
    )


def _add_fuzz_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--seed", type=int, default=0, help="the first program's (default 0)")
    command.add_argument("--count", type=int, default=2000, help="how many (default 2000)")
    command.add_argument("--seconds", type=float, help="for so long at most")
    command.add_argument("--jobs", type=int, default=2, help="how many side by side (default 2)")
    command.add_argument("--play", type=int, metavar="SEED", help="show what one program does")
    command.add_argument("--quick", action="store_true", help="do not make programs small")
    command.add_argument(
        "--odd", action="store_true", help="no random programs: every odd value in every place"
    )
    command.add_argument("--strict", action="store_true", help="report what is still open, too")


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def demo(_: argparse.Namespace) -> int:
    # A session of its own: Ctrl-C reaches the demo through us, and not its worker processes too.
    running = subprocess.Popen(
        [demo_python(), "-u", "demo/seed_demo.py"],
        cwd=ROOT,
        env=os.environ | demo_environment(),
        start_new_session=True,
    )
    while True:
        try:
            return running.wait()
        except KeyboardInterrupt:
            running.send_signal(signal.SIGINT)


def demo_environment() -> dict[str, str]:
    """What worker processes print is seen at once, in the document's own language; nothing need be installed."""
    paths = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
    speech = {
        "PYTHONUTF8": "1",
        "PYTHONIOENCODING": "utf-8",
    }  # the second one would override the first
    return {"PYTHONUNBUFFERED": "1", "PYTHONPATH": paths, **speech}


def demo_python() -> Path:
    """Return the Python of ``.venv`` where that is made, else that of a small environment for the demo alone."""
    if environments.is_ready(".venv", "dev", project=True):
        return environments.python_of(ROOT / ".venv")
    return environments.ensure(".venv-demo", "demo", project=False, bootstrap=False)


def test(options: argparse.Namespace) -> int:
    python = _environment(options.python)
    is_whole = not options.fast and not options.rest
    others = _make_environments() if is_whole else []
    with _tested(python, *others) as environment:
        return _test(options, python, environment)


@contextlib.contextmanager
def _tested(*pythons: Path) -> Iterator[dict[str, str]]:
    """Yield the environment of tests: of the wheel where that is asked for, else of ``src/``."""
    if wheels.WHEEL_MARK not in os.environ:
        yield os.environ | {}
        return
    with wheels.in_place_of_the_checkout(pythons) as variables:
        yield {
            name: os.environ[name] for name in os.environ.keys() - {wheels.WHEEL_MARK}
        } | variables


def _test(options: argparse.Namespace, python: Path, environment: dict[str, str]) -> int:
    environment |= {LONG_MARK: "1"} if options.long else {}
    patience = ["--timeout", LONG_TIMEOUT_SECONDS] if options.long else []
    if options.fast:
        chosen = ["-m", "not slow and not serial", *_parallel()]
        return _pytest(python, [*chosen, *options.rest], environment | {FAST_MARK: "1"})
    if options.rest:
        return _pytest(python, [*patience, *options.rest], environment)
    groups = {
        "alone": ["-m", "serial", *patience],
        "suite": [*_suite(), *patience],
        "servers and pools": [*_servers_and_pools(), *patience],
    }
    failed = _in_groups(python, groups, environment)
    return failed or (_campaigns(python, environment) if options.long else 0)


def _in_groups(python: Path, groups: dict[str, list[str]], environment: dict[str, str]) -> int:
    """Run each group to its end, say how long each took, and return the first exit status that is not 0."""
    failed, took = 0, {}
    for name, arguments in groups.items():
        began = time.monotonic()
        status = _pytest(python, arguments, environment)
        took[name] = time.monotonic() - began
        failed = failed or (0 if status == _NOTHING_COLLECTED else status)
    for name, seconds in took.items():
        print(f"minutes of {name}: {seconds / 60:.1f}", flush=True)
    return failed


def _campaigns(python: Path, environment: dict[str, str]) -> int:
    """Kill thousands of scheduler processes on each store; the reports are lines of JSON."""
    tested = environment.get(TESTED_VARIABLE) or str(TESTED)
    environment |= {"PYTHONPATH": os.pathsep.join((str(ROOT / "tests"), tested))}
    failed = 0
    for store, kills in CAMPAIGNS.items():
        command = [str(python), "-m", "cluster.campaign", store, str(kills)]
        failed |= subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    return failed


def _suite() -> list[str]:
    """Return what chooses the tests of our own parts."""
    apart = (f"--ignore={place}" for place in SERVERS_AND_POOLS)
    return ["-m", "not serial", *_parallel(SUITE_WORKERS), *apart]


def _servers_and_pools() -> list[str]:
    """Return what chooses the tests of other people's programs."""
    apart = [place for place in SERVERS_AND_POOLS if (ROOT / place).exists()]
    return ["-m", "not serial", *_parallel(), *apart]


def _parallel(workers: int = WORKERS) -> list[str]:
    return ["-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder"]


def check(_: argparse.Namespace) -> int:
    python = str(_environment())
    steps = {
        "ruff format": [python, "-m", "ruff", "format", "--check", "."],
        "ruff check": [python, "-m", "ruff", "check", "."],
        "mypy": [python, "-m", "mypy"],
        "import layers": [python, "-m", "pytest", "-q", "tests/test_layers.py"],
    }
    failed = [
        name
        for name, step in steps.items()
        if subprocess.run(step, cwd=ROOT, check=False).returncode
    ]
    for name, findings in {
        "names of one machine": machine_names.findings,
        "changes": changes.findings,
    }.items():
        found = findings()
        print(*found, sep="\n", end="\n" if found else "")
        failed += [name] if found else []
    print(f"check: {'failed: ' + ', '.join(failed) if failed else 'all is well'}")
    return 1 if failed else 0


def bench(options: argparse.Namespace) -> int:
    python = _environment()
    environment = os.environ | {"TICKWRIGHT_REFERENCE_PYTHON": str(reference())}
    command = [str(python), "-m", "benchmarks", *options.rest]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def docs(_: argparse.Namespace) -> int:
    python = _environment()
    listing = "from tests.test_docs import listing; print(listing())"
    shown = subprocess.run([python, "-c", listing], cwd=ROOT, check=False).returncode
    return shown or _pytest(python, ["-q", *DOCUMENTATION])


def pages(_: argparse.Namespace) -> int:
    for each in (option_page, state_page):
        each.write()
        print(each.PAGE.relative_to(ROOT))
    return 0


def lock(_: argparse.Namespace) -> int:
    python = _environment()
    sources = sorted((ROOT / "requirements").glob("*.in"))
    return max(environments.lock(python, source.stem) for source in sources)


def system(_: argparse.Namespace) -> int:
    return debian.install()


def package(_: argparse.Namespace) -> int:
    return packaging.build_and_try(_environment(), bill_maker())


def mutants(options: argparse.Namespace) -> int:
    return mutant_runs.run(
        options.count,
        options.seed,
        fast_only=options.fast,
        jobs=options.jobs,
        numbers=options.numbers,
        most=options.most,
    )


def coverage(options: argparse.Namespace) -> int:
    python = _environment()
    chosen = ["-m", "not serial", *_parallel(), *options.rest]
    groups = {"what was chosen": chosen}
    if not options.rest:
        _make_environments()
        groups = {"suite": _suite(), "servers and pools": _servers_and_pools()}
    coverage_runs.measure(python, lambda environment: _in_groups(python, groups, environment))
    return 0


def fuzz(options: argparse.Namespace) -> int:
    from tools.fuzz import campaign

    given = os.environ.get("TICKWRIGHT_REFERENCE_PYTHON")
    return campaign.main(options, Path(given) if given else reference(), _environment())


def pythons(_: argparse.Namespace) -> int:
    others = environments.other_interpreters()
    if not others:
        print("No other CPython >= 3.11 is installed here; the tests ran on this one only.")
    failed = 0
    for version, interpreter in others.items():
        print(f"The fast tests on CPython {version}:", flush=True)
        options = argparse.Namespace(fast=True, long=False, rest=["-q"])
        python = _environment(interpreter)
        with _tested(python) as environment:
            failed |= _test(options, python, environment)
            which = " ".join(OF_THE_INTERPRETER)
            print(f"The slow tests of {which} on CPython {version}:", flush=True)
            chosen = ["-q", "-m", "slow and not serial", *_parallel(), *OF_THE_INTERPRETER]
            failed |= _pytest(python, chosen, environment)
    return failed


def slow(_: argparse.Namespace) -> int:
    return slow_tests.measure(str(_environment()), {FAST_MARK: "1"}, _suite())


def reference() -> Path:
    """Return the Python of the environment in which the reference implementation is installed."""
    return environments.ensure(".venv-reference", "reference", project=False)


def dropin() -> Path:
    """Return the Python of the environment that holds ours, the shim and libraries built on APScheduler."""
    return environments.ensure(".venv-dropin", "dropin", project=True, shim=True)


def servers() -> Path:
    """Return the Python of the environment in which web servers are installed."""
    return environments.ensure(".venv-servers", "servers", project=False)


def pools() -> Path:
    """Return the Python of the environment in which other people's pools are installed."""
    return environments.ensure(".venv-pools", "pools", project=False)


def bill_maker() -> Path:
    """Return the Python of the environment in which what writes bills of materials is installed."""
    return environments.ensure(".venv-release", "release", project=False)


def notebook() -> Path:
    """Return the Python of the environment in which Jupyter is installed."""
    return environments.ensure(".venv-notebook", "notebook", project=False)


def _make_environments() -> list[Path]:
    """Make what the whole suite needs before a test's own time begins to count; return the Pythons that have ours installed."""
    began = time.monotonic()
    with_ours = []
    for make in (reference, dropin, servers, notebook, pools):
        try:
            python = make()
        except environments.SetupError as exc:
            print(f"dev.py: {exc}", file=sys.stderr)  # the tests that need it say so, too
        else:
            with_ours += [python] if make is dropin else []
    print(f"minutes of environments: {(time.monotonic() - began) / 60:.1f}", flush=True)
    return with_ours


def _environment(interpreter: str | None = None) -> Path:
    if interpreter is None:
        return environments.ensure(".venv", "dev", project=True)
    version = environments.version_of(interpreter)
    return environments.ensure(f".venv-{version}", "dev", project=True, interpreter=interpreter)


def _pytest(python: Path, arguments: list[str], environment: dict[str, str] | None = None) -> int:
    command = [str(python), "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
