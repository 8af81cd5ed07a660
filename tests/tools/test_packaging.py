"""What `dev.py package` builds from (CI runs the command itself)."""

from __future__ import annotations

import os

from tools import ROOT, packaging


def test_a_release_is_built_from_what_git_does_not_ignore():
    found = packaging.sources()
    assert {"LICENSE", "pyproject.toml", "src/apscheduler/job.py", "tools/packaging.py"} <= {*found}
    assert not [
        name for name in found if "__pycache__" in name or name.startswith((".venv", "dist/"))
    ]


def test_a_copy_keeps_what_a_clone_keeps(tmp_path):
    for name, executable in (("dev.py", True), ("LICENSE", False)):
        packaging._copy(ROOT / name, tmp_path / "folder" / name)
        assert (tmp_path / "folder" / name).read_bytes() == (ROOT / name).read_bytes()
        assert os.access(tmp_path / "folder" / name, os.X_OK) == executable
