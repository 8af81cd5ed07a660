"""NOTICE lists what is taken or derived from the work of others, and nothing that is not there."""

from __future__ import annotations

import re
import tomllib

from tools import ROOT

NOTICE = (ROOT / "NOTICE").read_text("utf-8")
NAMED = set(re.findall(r"^(?:src|tests|docs|benchmarks|demo|findings)/\S+$", NOTICE, re.MULTILINE))


def test_what_the_notice_names_is_there() -> None:
    assert NAMED
    assert [name for name in NAMED if not (ROOT / name).is_file()] == []


def test_every_file_of_data_is_named() -> None:
    data = {f"tests/data/{path.name}" for path in (ROOT / "tests/data").iterdir()}
    assert data <= NAMED


def test_no_file_but_code_lies_in_the_package_unnamed() -> None:
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "src").rglob("*")
        if path.suffix != ".py" and path.name != "py.typed" and "__pycache__" not in path.parts
        if path.is_file()
    }
    assert {name for name in found if ".egg-info" not in name} <= NAMED


def test_the_wheel_carries_the_notice_beside_the_licence() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["license-files"] == ["LICENSE", "NOTICE"]


def test_the_readme_says_what_the_project_is_and_how_it_was_made() -> None:
    readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
    assert "an independent implementation of the APScheduler 3 API" in readme
    assert "neither read nor copied nor translated" in readme
    assert "clean-room" not in readme
    assert "(NOTICE)" in readme
