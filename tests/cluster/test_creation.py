"""When a file was created: the real file system's word, and who is not asked."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from apscheduler.cluster import creation
from apscheduler.cluster.creation import created_at


@pytest.fixture
def kept(tmp_path):
    """A file whose time of creation is kept for good."""
    file = tmp_path / "file"
    file.write_bytes(b"x" * 5000)
    if created_at(str(file)) is None:
        pytest.skip(f"the file system of {tmp_path} keeps no time of creation")
    return file


def test_it_is_what_the_system_says_of_the_file(kept):
    command = ["env", "TZ=UTC", "stat", "--format=%w", str(kept)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert created_at(str(kept)) == said.strip().replace("+0000", "UTC")


def test_nothing_that_is_done_to_a_file_changes_it(kept):
    before = created_at(str(kept))
    os.utime(kept, (1, 1))
    kept.chmod(0o600)
    kept.write_bytes(b"")
    with kept.open("ab") as file:
        file.write(b"more")
        os.fsync(file.fileno())
    moved = kept.rename(kept.with_name("moved"))
    link = kept.with_name("link")
    link.symlink_to(moved)
    assert created_at(str(moved)) == created_at(str(link)) == before


def test_a_file_in_its_place_has_another_one_even_with_its_number(kept):
    before, copy = created_at(str(kept)), kept.with_name("copy")
    shutil.copy2(kept, copy)
    time.sleep(0.02)  # the clock that files are dated by has steps
    kept.unlink()
    shutil.copy2(copy, kept)
    assert before not in (created_at(str(kept)), created_at(str(copy)))


def test_a_file_that_is_not_there_has_none(tmp_path):
    assert created_at(str(tmp_path / "not there")) is None


@pytest.mark.parametrize("kind", [None, "tmpfs", "overlay", "nfs4", "fuseblk", "vfat"])
def test_where_it_is_not_kept_for_good_it_is_not_told(kept, monkeypatch, kind):
    monkeypatch.setattr(creation, "kind_of", lambda _: kind)
    assert created_at(str(kept)) is None


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="there is no tmpfs")
def test_a_file_in_memory_has_none():
    file = Path(f"/dev/shm/created-{os.getpid()}")
    file.write_bytes(b"")
    try:
        assert created_at(str(file)) is None
    finally:
        file.unlink()


def test_a_library_without_the_call_tells_nothing(kept, monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    assert created_at(str(kept)) is None


def told(*, mask=creation._BTIME, seconds=0, nanoseconds=0) -> bytes:
    order = sys.byteorder
    head = mask.to_bytes(4, order) + bytes(76)
    tail = seconds.to_bytes(8, order, signed=True) + nanoseconds.to_bytes(4, order)
    return (head + tail).ljust(256, b"\0")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (told(seconds=1_000_000_000, nanoseconds=7), "2001-09-09 01:46:40.000000007 UTC"),
        (told(seconds=-1), "1969-12-31 23:59:59.000000000 UTC"),
        (told(mask=0x7FF, seconds=5), None),
        (told(seconds=1 << 62), None),
        (None, None),
    ],
    ids=["a time", "before 1970", "an inode without one", "no time of a calendar", "an error"],
)
def test_what_the_kernel_answers_is_read(monkeypatch, answer, expected):
    monkeypatch.setattr(creation, "kind_of", lambda _: "ext4")
    monkeypatch.setattr(creation, "_statx", lambda _: answer)
    assert created_at("file") == expected
