from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tools import ROOT, commands, environments


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A folder that looks like the checkout, and a list of what was made in it."""
    (tmp_path / "requirements").mkdir()
    for name in ("requirements/bootstrap.txt", "requirements/dev.txt", "pyproject.toml"):
        (tmp_path / name).write_text(name)
    made = []

    def make(home, requirements, **options):
        made.append((home.name, requirements, options["project"]))
        home.mkdir(exist_ok=True)

    monkeypatch.setattr(environments, "ROOT", tmp_path)
    monkeypatch.setattr(environments, "_make", make)
    monkeypatch.setattr(environments, "_starts", lambda home: home.is_dir())
    return tmp_path, made


def test_an_environment_is_made_once(checkout) -> None:
    _, made = checkout
    for _ in range(2):
        environments.ensure(".venv", "dev", project=True)
    assert made == [(".venv", "dev", True)]


@pytest.mark.parametrize(
    ("changed", "project", "times"),
    [
        ("requirements/dev.txt", True, 2),
        ("requirements/bootstrap.txt", False, 2),
        ("pyproject.toml", True, 2),
        ("pyproject.toml", False, 1),
    ],
)
def test_an_environment_is_remade_only_when_what_it_is_made_from_changes(
    checkout, changed, project, times
) -> None:
    folder, made = checkout
    environments.ensure(".venv", "dev", project=project)
    (folder / changed).write_text("something else")
    environments.ensure(".venv", "dev", project=project)
    assert len(made) == times


@pytest.mark.parametrize(("shim", "times"), [(True, 2), (False, 1)])
def test_an_environment_with_the_shim_is_remade_when_the_shim_changes(checkout, shim, times):
    folder, made = checkout
    (folder / "shim").mkdir()
    for version in ("3.11.98", "3.11.99"):
        (folder / "shim/pyproject.toml").write_text(version)
        environments.ensure(".venv", "dev", project=True, shim=shim)
    assert len(made) == times


def test_what_is_overridden_is_neither_pinned_nor_missed() -> None:
    assert environments._completeness("dropin") == ["--no-deps"]
    assert environments._completeness("dev") == []
    pinned = (ROOT / "requirements/dropin.txt").read_text("utf-8")
    assert "flask-apscheduler==" in pinned
    assert not re.search(r"^apscheduler==", pinned, re.MULTILINE)


def test_an_environment_whose_interpreter_is_gone_is_remade(checkout, monkeypatch) -> None:
    _, made = checkout
    environments.ensure(".venv", "dev", project=True)
    monkeypatch.setattr(environments, "_starts", lambda home: False)
    environments.ensure(".venv", "dev", project=True)
    assert len(made) == 2


def test_a_python_without_ensurepip_is_told_what_to_install(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(environments.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(environments.SetupError, match="apt install python3-venv"):
        environments._new_environment(tmp_path / "venv", environments._base_interpreter())


def test_an_interpreter_that_does_not_start_is_refused(tmp_path) -> None:
    with pytest.raises(environments.SetupError, match="no CPython"):
        environments.version_of(str(tmp_path / "python"))


def test_the_running_interpreter_is_a_cpython_of_its_version() -> None:
    expected = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert environments.version_of(sys.executable) == expected
    assert expected not in environments.other_interpreters()


def test_every_pinned_requirement_has_a_hash() -> None:
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        blocks = re.split(r"\n(?=\S)", path.read_text("utf-8").strip())
        assert blocks
        for block in blocks:
            assert re.match(r"[a-z0-9.-]+==\S+", block), (path.name, block)
            assert "--hash=sha256:" in block, (path.name, block)


def test_the_demo_makes_a_small_environment_of_its_own_and_takes_a_complete_one(
    checkout, monkeypatch
) -> None:
    folder, made = checkout
    monkeypatch.setattr(commands, "ROOT", folder)
    (folder / "requirements/demo.txt").write_text("small")
    assert commands.demo_python() == environments.python_of(folder / ".venv-demo")
    assert made == [(".venv-demo", "demo", False)]
    environments.ensure(".venv", "dev", project=True)
    assert commands.demo_python() == environments.python_of(folder / ".venv")
    assert len(made) == 2


def test_the_demo_needs_a_few_pins_that_the_tests_have_too() -> None:
    pinned = {}
    for name in ("demo", "dev"):
        text = (ROOT / f"requirements/{name}.txt").read_text("utf-8")
        pinned[name] = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))
    assert pinned["demo"].items() <= pinned["dev"].items()
    assert {"click", "sqlalchemy", "tzdata", "tzlocal"} <= pinned["demo"].keys()
    assert len(pinned["demo"]) < 10


@pytest.mark.parametrize(("words", "code"), [(["--help"], 0), (["tset"], 2), (["check", "x"], 2)])
def test_dev_py_explains_itself(words, code) -> None:
    asked = subprocess.run(
        [sys.executable, "-S", "-E", "dev.py", *words], cwd=ROOT, capture_output=True, text=True
    )
    assert asked.returncode == code
    assert "dev.py" in asked.stdout + asked.stderr


FILES = ["--dist", "loadfile", "--no-loadscope-reorder"]
APART = [place for place in commands.SERVERS_AND_POOLS if (ROOT / place).exists()]
LEFT_OUT = [f"--ignore={place}" for place in APART]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            [],
            [
                ["-m", "serial"],
                ["-m", "not serial", "-n", "3", *FILES, *LEFT_OUT],
                ["-m", "not serial", "-n", "2", *FILES, *APART],
            ],
        ),
        (["--fast", "-q"], [["-m", "not slow and not serial", "-n", "2", *FILES, "-q"]]),
        (["tests/test_cli.py", "-k", "next"], [["tests/test_cli.py", "-k", "next"]]),
    ],
)
def test_test_hands_pytest_what_it_was_given(words, expected, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(commands, "_environment", lambda interpreter=None: "python")
    monkeypatch.setattr(commands, "_make_environments", lambda **_: [])
    monkeypatch.setattr(
        commands, "_pytest", lambda _python, arguments, _env: asked.append(arguments) or 0
    )
    assert commands.main(["test", *words]) == 0
    assert asked == expected
