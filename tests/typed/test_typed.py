"""The types of the public API, as a user's mypy and pyright see them (programs.py says which)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_tickwright import SOURCE as NAMES
from tools import ROOT

PROGRAMS = Path(__file__).with_name("programs.py")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def mypy(file: Path, folder: Path) -> str:
    """Return what mypy says of a file of a user's who has our package installed."""
    options = ["--strict", "--follow-imports=silent", "--no-error-summary"]
    options += ["--config-file=", f"--cache-dir={folder / 'cache'}"]
    command = [sys.executable, "-m", "mypy", *options, str(file)]
    environment = {"MYPYPATH": str(ROOT / "src"), "PATH": "", "HOME": str(folder)}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert not ended.stderr, ended.stderr
    return ended.stdout


def pyright(file: Path, folder: Path) -> str:
    """Return what pyright says of a file (basedpyright is pyright as a package that brings all it needs)."""
    settings = {
        "include": [str(file)],
        "extraPaths": [str(ROOT / "src")],
        "typeCheckingMode": "standard",
        "reportUnnecessaryTypeIgnoreComment": "error",
        "enableTypeIgnoreComments": False,
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), "utf-8")
    command = [sys.executable, "-m", "basedpyright", "-p", str(folder), "--outputjson"]
    command += ["--pythonpath", sys.executable]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    found = json.loads(ended.stdout)
    assert found["summary"]["filesAnalyzed"] == 1, ended.stdout
    return "\n".join(
        f"{each['range']['start']['line'] + 1}: {each['message']}"
        for each in found["generalDiagnostics"]
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("typed")


@pytest.mark.parametrize("checker", [mypy, pyright], ids=["mypy", "pyright"])
def test_the_api_has_the_types_that_users_see(checker, folder):
    assert checker(PROGRAMS, folder) == ""


@pytest.mark.parametrize("checker", [mypy, pyright], ids=["mypy", "pyright"])
def test_each_assertion_would_be_noticed(checker, folder):
    """What the file says of types is what the checkers look at: each line turned wrong is reported."""
    text = PROGRAMS.read_text("utf-8")
    wrong = text.replace(" assert_type(", " assert_type(lambda: ")
    file = folder / "wrong.py"
    file.write_text(wrong, "utf-8")
    said = checker(file, folder)
    changed = [
        number
        for number, lines in enumerate(zip(text.splitlines(), wrong.splitlines(), strict=True), 1)
        if len(set(lines)) > 1
    ]
    assert len(changed) > 30
    reported = re.findall(r"^(?:.*wrong\.py:)?(\d+):", said, re.MULTILINE)
    assert set(changed) <= set(map(int, reported))


def test_every_public_name_can_be_imported_by_a_typed_program(folder):
    names = re.findall(r"import (\w+) as \1", NAMES)
    assert len(names) > 60
    file = folder / "names.py"
    file.write_text(
        "".join(f"from tickwright import {name} as {name}\n" for name in names), "utf-8"
    )
    assert mypy(file, folder) == pyright(file, folder) == ""
