"""The package ``tickwright``: its names, and that it knows when ``apscheduler`` is not ours any more."""

from __future__ import annotations

import ast
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from base64 import urlsafe_b64encode
from importlib import import_module
from pathlib import Path

import pytest

import tickwright
from apscheduler import installation
from tests.test_layers import imports, modules
from tests.test_start_path import loaded_by
from tickwright import _whose
from tools import ROOT, TESTED

SOURCE = (ROOT / "src/tickwright/__init__.py").read_text("utf-8")
CURE = "run: pip uninstall APScheduler, then, in a checkout of tickwright: pip install --force-reinstall"

# -- the names ----------------------------------------------------------------------------------------------


def declared() -> dict[str, str]:
    """Return what type checkers are told: each name with the module it is imported from."""
    (block,) = (
        node
        for node in ast.parse(SOURCE).body
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    )
    return {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_type_checkers_and_programs_are_told_the_same_names() -> None:
    assert declared() == tickwright._HOME_OF
    of_all = {name for names in tickwright._HOMES.values() for name in names.split()}
    assert set(tickwright.__all__) == {"__version__", *of_all}
    assert set(dir(tickwright)) >= {*tickwright.__all__, *tickwright._HOME_OF}


@pytest.mark.parametrize("name", sorted(set(tickwright.__all__) - {"__version__"}))
def test_a_name_is_the_object_that_the_package_apscheduler_has(name) -> None:
    home = import_module(tickwright._HOME_OF[name])
    assert getattr(tickwright, name) is getattr(home, name)


@pytest.mark.parametrize(
    "module", ["schedulers", "triggers", "executors", "jobstores", "testing", "calendars"]
)
def test_every_plug_in_and_every_public_class_of_a_room_has_its_short_way(module) -> None:
    from apscheduler.schedulers._api.plugins import BUILT_IN

    named = {target.partition(":")[2] for target in BUILT_IN.get(module, {}).values()}
    named |= set(getattr(import_module(f"apscheduler.{module}"), "__all__", ())) - {"Blackouts"}
    assert named <= tickwright._HOME_OF.keys()


def test_everything_can_be_imported_at_once_without_any_extra() -> None:
    scope: dict = {}
    exec("from tickwright import *", scope)
    assert {"BackgroundScheduler", "current_run", "CronTrigger", "EVENT_JOB_ERROR"} <= scope.keys()


def test_a_name_of_an_extra_says_what_is_missing() -> None:
    script = "import sys; sys.modules['gevent'] = None; from tickwright import GeventScheduler"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.stderr.splitlines()[-1].endswith("pip install 'tickwright[gevent]'")


@pytest.mark.parametrize("name", ["nonsense", "__wrapped__", "AsyncScheduler"])
def test_other_names_are_not_there(name) -> None:
    assert not hasattr(tickwright, name)
    with pytest.raises(ImportError, match=name):
        exec(f"from tickwright import {name}", {})


def test_importing_it_loads_nothing_of_the_engine_and_no_metadata() -> None:
    loaded = loaded_by("import tickwright")
    assert {each for each in loaded if each.startswith("apscheduler")} == {"apscheduler"}
    assert not loaded & {"importlib.metadata", "re", "base64", "csv", "email"}


def test_the_package_apscheduler_knows_nothing_of_it() -> None:
    known = modules(ROOT / "src")
    targets = {
        target for name, path in known.items() for target, _ in imports(name, path, set(known))
    }
    assert not [target for target in targets if target.partition(".")[0] == "tickwright"]


def test_python_m_tickwright_is_the_command() -> None:
    words = [sys.executable, "-m", "tickwright", "version"]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert ended.stdout.startswith("tickwright ")


# -- whose the other package is -------------------------------------------------------------------------------

THEIRS = 'version = __version__ = release = "3.11.3"\nversion_info = (3, 11, 3)\n'


class Site:
    """A folder with both packages as an installer leaves them, with the record of what it wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("apscheduler", "tickwright"):
            ignored = shutil.ignore_patterns("__pycache__", "_words", "dialects", "cluster", "runs")
            shutil.copytree(TESTED / name, folder / name, ignore=ignored)
        shutil.copy(TESTED / "tickwright_command.py", folder)
        self.ours = folder / "apscheduler"
        self.record = folder / "tickwright-0.1.0.dist-info" / "RECORD"
        self.record.parent.mkdir()
        self.write_record()

    def write_record(self) -> None:
        packages = (self.ours, self.folder / "tickwright")
        files = sorted(path for each in packages for path in each.rglob("*.py"))
        self.record.write_text("".join(map(self._row, files)), "utf-8")

    def _row(self, path: Path) -> str:
        content = path.read_bytes()
        name = path.relative_to(self.folder).as_posix()
        return f"{name},sha256={self.digest(content)},{len(content)}\n"

    @staticmethod
    def digest(content: bytes) -> str:
        return urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")

    def imported(self, *before: Path, code: str = "import tickwright; print('ours')") -> str:
        """Import it in a process of its own; return what was said."""
        ended = self.run(*before, words=["-c", code])
        return (ended.stdout + ended.stderr).strip().splitlines()[-1]

    def run(self, *before: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
        paths = os.pathsep.join(map(str, [*before, self.folder]))
        return subprocess.run(
            [sys.executable, "-S", *words],  # without this environment's own packages
            cwd=self.folder.parent,
            env={**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=60,
        )


@pytest.fixture
def site(tmp_path) -> Site:
    return Site(tmp_path / "site")


def write(name: str, text: str):
    return lambda site: (site.ours / name).write_text(text, "utf-8")


def same_size(site) -> None:
    file = site.ours / "__init__.py"
    file.write_bytes(file.read_bytes().replace(b"a job scheduler", b"A JOB SCHEDULER"))


def theirs(site) -> None:
    for name in ("__init__.py", "job.py", "util.py", "schedulers/base.py"):
        (site.ours / name).write_text(THEIRS, "utf-8")


def without(*names: str):
    return lambda site: [(site.ours / name).unlink() for name in names]


DAMAGE = {
    "APScheduler came later": (theirs, "4 of its ", "files were overwritten by APScheduler 3.11.3"),
    "its __init__.py is another's": (write("__init__.py", THEIRS), "1 of its ", "overwritten by"),
    "one of the same size": (same_size, "1 of its ", "files was overwritten;"),
    "a module is another's": (write("job.py", "class Job: pass\n"), "1 of its ", "was overwritten"),
    "APScheduler was removed": (without("job.py", "util.py"), "2 of its ", "files were removed"),
    "with its __init__.py": (without("__init__.py", "job.py"), "__init__.py is missing from", ""),
    "the whole folder is gone": (lambda site: shutil.rmtree(site.ours), "importing it failed", ""),
    "it cannot be imported": (write("__init__.py", "import nonsense_x\n"), "nonsense_x", ""),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_what_was_done_to_our_files_is_said_in_one_sentence_with_the_cure(site, kind) -> None:
    damage, *words = DAMAGE[kind]
    damage(site)
    said = site.imported()
    assert said.startswith("ImportError: the package 'apscheduler' is not tickwright's: "), said
    assert all(word in said for word in words), said
    assert CURE in said


@pytest.mark.parametrize("sign", ["-", "_"])
def test_either_sign_of_a_records_base64_is_read(site, sign) -> None:
    first = site.ours / "__init__.py"
    text = first.read_text("utf-8")
    endings = (f"# {number}\n" for number in range(1000))
    changed = next(each for each in endings if sign in site.digest((text + each).encode()))
    first.write_text(text + changed, "utf-8")
    site.write_record()
    assert site.imported() == "ours"


COMMANDS = [
    "next cron hour=10",
    "next crontab '0 10 * * *'",
    "describe cron",
    "--version",
    "doctor",
]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        *((kind, COMMANDS[0]) for kind in DAMAGE),
        *((next(iter(DAMAGE)), each) for each in COMMANDS[1:]),
    ],
)
def test_the_command_says_that_sentence_and_fails(site, kind, words) -> None:
    DAMAGE[kind][0](site)
    script = "import tickwright_command; tickwright_command.main()"
    ended = site.run(words=["-c", script, *shlex.split(words)])
    first, *further = ended.stderr.splitlines()
    assert first == f"Error: {site.imported().removeprefix('ImportError: ')}"
    # The doctor finds no click here; tests/dropin asks it where there is one.
    expected = ["The doctor cannot be started: No module named 'click'"]
    assert further == (expected if words == "doctor" else [])
    assert (ended.returncode, ended.stdout) == (1, "")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        *((kind, COMMANDS[0]) for kind in DAMAGE),
        *((next(iter(DAMAGE)), each) for each in COMMANDS[1:]),
    ],
)
def test_python_m_tickwright_says_what_the_command_says_without_a_traceback(
    site, kind, words
) -> None:
    DAMAGE[kind][0](site)
    ended = site.run(words=["-m", "tickwright", *shlex.split(words)])
    script = "import tickwright_command; tickwright_command.main()"
    command = site.run(words=["-c", script, *shlex.split(words)])
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == command.stderr
    assert ended.stderr.startswith("Error: the package 'apscheduler' is not tickwright's: ")


@pytest.mark.parametrize(
    "code",
    [
        "import runpy; runpy.run_module('tickwright')",
        "import runpy; runpy.run_module('tickwright', run_name='__main__', alter_sys=True)",
        "import sys; sys.argv = ['-m']; import tickwright",
        "import importlib; importlib.import_module('tickwright')",
    ],
)
def test_whoever_imports_it_gets_the_error(site, code) -> None:
    theirs(site)
    said = site.imported(code=code)
    assert said.startswith("ImportError: the package 'apscheduler' is not tickwright's: ")


def test_a_program_that_is_run_by_m_gets_the_error(site) -> None:
    theirs(site)
    for name in ("__init__", "__main__"):
        file = site.folder / "program" / f"{name}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text("import tickwright\n")
    ended = site.run(words=["-m", "program"])
    assert ended.returncode == 1
    assert "Traceback" in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("ImportError: the package 'apscheduler' is not")


def test_its_second_name_as_a_module_says_it_where_that_is_left(site) -> None:
    theirs(site)
    ended = site.run(words=["-m", "apscheduler", "--version"])
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("Error: the package 'apscheduler' is not tickwright's: ")


def test_the_doctor_and_the_log_name_the_same_cure() -> None:
    assert _whose.CURE == installation.REMEDY


def test_intact_files_are_ours(site) -> None:
    assert site.imported() == "ours"


def test_another_apscheduler_before_ours_is_said_with_its_place(site, tmp_path) -> None:
    other = tmp_path / "other"
    (other / "apscheduler/triggers").mkdir(parents=True)
    (other / "apscheduler/__init__.py").write_text(THEIRS)
    said = site.imported(other)
    assert f"it is found in {other} and not beside tickwright in {site.folder}" in said
    assert CURE in said


def test_a_package_that_was_imported_before_is_looked_at_too(site, tmp_path) -> None:
    other = tmp_path / "other"
    (other / "apscheduler/triggers").mkdir(parents=True)
    (other / "apscheduler/__init__.py").write_text(THEIRS)
    code = (
        f"import sys; sys.path.insert(0, {str(other)!r}); import apscheduler; "
        "del sys.path[0]; import tickwright"
    )
    assert "and not beside tickwright" in site.imported(code=code)


@pytest.mark.parametrize(
    "text",
    [
        "print('hello')",
        "from tickwright import BackgroundScheduler",
        "import apscheduler.job",
        "1 / 0",
    ],
)
@pytest.mark.parametrize("name", ["apscheduler.py", "apscheduler/__init__.py"])
@pytest.mark.parametrize("imported", ["by tickwright", "before"])
def test_a_file_of_ones_own_with_that_name_is_named_to_be_renamed(
    site, tmp_path, name, text, imported
) -> None:
    file = tmp_path / "own" / name
    file.parent.mkdir(parents=True)
    file.write_text(text)
    before = "with contextlib.suppress(Exception): import apscheduler\n" * (imported == "before")
    code = f"import contextlib\n{before}import tickwright"
    ended = site.run(tmp_path / "own", words=["-c", code])
    named = f"the file {file}" if name == "apscheduler.py" else f"the folder {file.parent}"
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == (
        f"ImportError: the package 'apscheduler' is not tickwright's: {named} has its name, and is found first; rename it"
    )


def test_a_program_of_that_name_is_told_before_it_runs_twice(site, tmp_path) -> None:
    program = tmp_path / "apscheduler.py"
    program.write_text("print('runs')\nfrom tickwright import BackgroundScheduler\n")
    ended = site.run(words=[str(program)])
    assert ended.stdout == "runs\n"
    assert f"the file {program} has its name, and is found first; rename it" in ended.stderr


@pytest.mark.parametrize("kind", ["no record", "an empty record", "two records", "no sizes"])
def test_without_a_record_the_package_itself_tells(site, kind) -> None:
    if kind == "no record":
        shutil.rmtree(site.record.parent)
    elif kind == "two records":  # what an interrupted upgrade leaves
        shutil.copytree(site.record.parent, site.folder / "tickwright-0.0.9.dist-info")
    elif kind == "an empty record":
        site.record.write_text("")
    else:
        rows = [line.split(",")[0] for line in site.record.read_text("utf-8").splitlines()]
        site.record.write_text("".join(f"{row},,\n" for row in rows), "utf-8")
    assert site.imported() == "ours"
    theirs(site)
    said = site.imported()
    assert "its files were overwritten by APScheduler 3.11.3" in said
    assert CURE in said


def test_a_link_to_the_place_is_the_place(site, tmp_path) -> None:
    link = tmp_path / "link"
    link.symlink_to(site.folder, target_is_directory=True)
    assert site.imported(link) == "ours"
