"""The commands of docs/how-to/libraries-that-need-apscheduler.md, run as they stand there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest

import apscheduler
from tests.dropin.applications import INSTALLING_SECONDS
from tests.test_packaging import PLUGINS, PROJECT
from tools import ROOT
from tools.environments import python_of
from tools.pip_settings import uv_environment

PAGE = (ROOT / "docs/how-to/libraries-that-need-apscheduler.md").read_text("utf-8")
SHIM = tomllib.loads((ROOT / "shim/pyproject.toml").read_text("utf-8"))["project"]
PROVES = """
import importlib.metadata, apscheduler, flask_apscheduler
from apscheduler.schedulers.background import BackgroundScheduler
assert apscheduler.__version__ == {release!r}, apscheduler.__version__
assert issubclass(flask_apscheduler.APScheduler().scheduler.__class__, BackgroundScheduler)
assert importlib.metadata.version("tickwright")
"""


def section(title: str) -> str:
    """Return the part of the page under a heading."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def commands(title: str) -> list[list[str]]:
    """Return the commands of a section."""
    blocks = re.findall(r"^```console\n(.*?)^```", section(title), re.MULTILINE | re.DOTALL)
    return [shlex.split(line[2:]) for block in blocks for line in block.splitlines()]


def write_files(title: str, folder) -> None:
    """Write the files that a section shows, which begin with their names."""
    for name, text in re.findall(
        r"^```(?:text|toml)\n# (\S+)\n(.*?)^```", section(title), re.MULTILINE | re.DOTALL
    ):
        (folder / name).write_text(text, "utf-8")


class Shell:
    """Runs the page's commands in an environment of their own, where our wheels are what an index would offer."""

    def __init__(self, folder, wheels, *, with_pip: bool) -> None:
        self.folder = folder
        self.home = folder / ".venv"
        venv.create(self.home, with_pip=with_pip)
        shutil.copytree(ROOT / "shim", folder / "shim")
        self.settings = dict(os.environ) | uv_environment(sys.executable)
        self.settings.pop("PYTHONPATH", None)
        self.settings["PYTHONTZPATH"] = ""  # the system's zone data may be outdated: a finding
        for variable, separator in (("PIP_FIND_LINKS", " "), ("UV_FIND_LINKS", ",")):
            told = filter(None, [self.settings.get(variable), str(wheels)])
            self.settings[variable] = separator.join(told)
        self.settings.pop("UV_PYTHON", None)  # it would choose the environment
        self.settings["VIRTUAL_ENV"] = str(self.home)

    def run(self, words: list[str]) -> subprocess.CompletedProcess[str]:
        programs = {
            "pip": [python_of(self.home), "-m", "pip"],
            "uv": [Path(sys.executable).with_name("uv")],  # not -m uv: that sets VIRTUAL_ENV
            "python": [python_of(self.home)],
            "apscheduler": [python_of(self.home).with_name("apscheduler")],
        }
        return subprocess.run(
            [*programs[words[0]], *words[1:]],
            cwd=self.folder,
            env=self.settings,
            capture_output=True,
            text=True,
        )

    def succeed(self, words: list[str]) -> str:
        done = self.run(words)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def prove(self) -> None:
        """Check that flask-apscheduler runs on ours, and that no file of ours was written over."""
        self.succeed(["python", "-c", PROVES.format(release=apscheduler.release)])
        assert "are as they were installed" in self.succeed(["apscheduler", "doctor"])


@pytest.mark.slow
@pytest.mark.timeout(INSTALLING_SECONDS)
def test_pips_way_keeps_ours_and_mends_what_the_plain_way_broke(tmp_path, wheels):
    shell = Shell(tmp_path, wheels_without_shim(wheels, tmp_path), with_pip=True)
    write_files("With pip", tmp_path)
    for words in commands("With pip"):
        shell.succeed(words)
    shell.prove()
    assert "No broken requirements" in shell.succeed(["pip", "check"])

    # What a library that comes later asks for is there, and an extra of APScheduler is ours.
    report = shell.succeed(["pip", "install", "--dry-run", "APScheduler[redis]>=3.6,<3.12"])
    assert "already satisfied: APScheduler" in report
    (would_install,) = re.findall(r"Would install (.*)", report)
    assert "redis-" in would_install
    assert "apscheduler" not in would_install.lower()

    # The plain way, by accident, and the page's remedy.
    shell.succeed(["pip", "install", "--no-deps", "APScheduler==3.11.3"])
    look, *mend = commands("When it has happened")
    assert look == ["apscheduler", "doctor"]
    assert shell.run(look).returncode == 1
    # It works without an index: no public one has ours.
    for wheel in wheels.glob("tickwright-*.whl"):
        shutil.copy(wheel, tmp_path / "wheels")
    shell.settings |= {"PIP_FIND_LINKS": "", "PIP_NO_INDEX": "1"}
    for words in mend:
        shell.succeed(words)
    shell.prove()


def wheels_without_shim(wheels, folder):
    """The index of the page offers tickwright, but no APScheduler 3.11.99."""
    offered = folder / "offered"
    offered.mkdir()
    for wheel in wheels.glob("tickwright-*.whl"):
        shutil.copy(wheel, offered)
    return offered


@pytest.mark.slow
@pytest.mark.timeout(INSTALLING_SECONDS)
def test_uvs_ways_keep_ours(tmp_path, wheels):
    shell = Shell(tmp_path, wheels_without_shim(wheels, tmp_path), with_pip=False)
    write_files("With uv", tmp_path)
    sync, install = commands("With uv")
    shell.succeed(sync)
    shell.prove()

    shutil.rmtree(shell.home)
    venv.create(shell.home, with_pip=False)
    (tmp_path / "pyproject.toml").unlink()
    shell.succeed(install)
    shell.prove()


@pytest.mark.slow
def test_the_libraries_find_all_they_require_in_their_environment(dropin_python):
    checked = subprocess.run([dropin_python, "-m", "pip", "check"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    asked = subprocess.run(
        [dropin_python.with_name("apscheduler"), "doctor"],
        env={**os.environ, "PYTHONTZPATH": ""},  # the system's zone data may be outdated
        capture_output=True,
        text=True,
    )
    assert asked.returncode == 0, asked.stdout
    for library in ("Flask-APScheduler", "django-apscheduler", "python-telegram-bot"):
        assert library in asked.stdout
    assert "no shim" not in asked.stdout


def test_the_shim_has_the_version_whose_api_we_speak_and_every_extra_of_apscheduler():
    assert SHIM["name"] == "APScheduler"
    assert SHIM["version"] == apscheduler.release
    assert SHIM["dependencies"] == [PROJECT["name"]]
    stores = {*PLUGINS["jobstores"]} - {"memory"}
    expected = stores | {"gevent", "tornado", "twisted"}
    assert SHIM["optional-dependencies"] == {
        extra: [f"{PROJECT['name']}[{extra}]"] for extra in expected
    }
    assert expected <= PROJECT["optional-dependencies"].keys()
