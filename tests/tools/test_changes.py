"""The files that the changelog is made from."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest

from tools import ROOT, changes

COMMIT = "abc1234 Mend a fault\n\n{body}\n\n{files}\n"


@pytest.mark.parametrize(
    ("body", "files", "silent"),
    [
        ("", "src/apscheduler/job.py", True),
        ("", "src/apscheduler/job.py\nchanges/+a-fault.fixed.md", False),
        ("", "src/tickwright_command.py\nCHANGELOG.md", False),
        ("No change for users.", "src/apscheduler/job.py", False),
        ("It is no change for users.", "src/apscheduler/job.py", True),
        ("", "tests/test_job.py\ntools/changes.py", False),
    ],
)
def test_a_commit_that_changes_the_sources_says_so_to_users(body, files, silent):
    assert changes.is_silent(COMMIT.format(body=body, files=files)) == silent


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [
        ("+a-fault.fixed.md", "A fault is mended.", 0),
        ("+a-fault.fixed.md", "A fault is mended ([how](docs/x.md))\n", 0),
        ("a-fault.fixed.md", "A fault is mended.", 1),
        ("+a-fault.mended.md", "A fault is mended.", 1),
        ("+a-fault.fixed.md", "- A fault is mended.", 1),
        ("+a-fault.fixed.md", "A fault", 1),
        ("+a-fault.fixed.md", f"A fault {'x' * 160}.", 1),
    ],
)
def test_a_file_has_a_kind_and_sentences(name, text, wrong, tmp_path, monkeypatch):
    monkeypatch.setattr(changes, "silent", list)
    (tmp_path / "README.md").write_text("About this folder")
    (tmp_path / name).write_text(text)
    assert len(changes.findings(tmp_path)) == wrong


def test_the_files_and_commits_of_this_checkout_are_as_they_should_be():
    assert changes.findings() == []


KINDS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]


def test_a_release_has_them_in_the_changelog(tmp_path):
    for name in ("pyproject.toml", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "changes", tmp_path / "changes")
    for kind in ("security", "added"):
        (tmp_path / "changes" / f"+of-this-test.{kind}.md").write_text(
            f"It is {kind} by this test.\nTwo lines."
        )
    words = ["--version", "9.8", "--date", "2030-01-02", "--yes"]
    command = [sys.executable, "-m", "towncrier", "build", *words]
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    before, made = (
        (ROOT / "CHANGELOG.md").read_text("utf-8"),
        (tmp_path / "CHANGELOG.md").read_text("utf-8"),
    )
    head, rest = before.split(changes_begin := "<!-- releases, newest first -->\n")
    assert made.startswith(head + changes_begin)
    assert made.endswith(rest)
    section = made[len(head) + len(changes_begin) : -len(rest)]
    assert section.lstrip().startswith("## 9.8 (2030-01-02)\n\n### Added\n\n- ")
    assert "- It is added by this test.\n  Two lines.\n" in section
    kinds = re.findall(r"^### (.*)$", section, re.MULTILINE)
    assert kinds == [each for each in KINDS if each in kinds]
    assert kinds[-1] == "Security"
    assert "\n\n\n" not in section.strip()
    assert changes.fragments(tmp_path / "changes") == []
