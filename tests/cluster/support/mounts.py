"""Mounts of a test's own, where this machine lets us make them; else the test is skipped with the reason."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def _mounted(command: list[str]) -> None:
    if os.geteuid():
        pytest.skip("only root may mount")
    if shutil.which(command[0]) is None:
        pytest.skip(f"there is no {command[0]} here (dev.py system installs it)")
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    if asked.returncode:
        pytest.skip(f"mounting is refused here: {asked.stderr.strip() or asked.stdout.strip()}")


@contextmanager
def mounted(command: list[str], folder: Path) -> Iterator[Path]:
    """Run a command that mounts something on a folder, and unmount it in the end."""
    _mounted(command)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of so many bytes in a folder."""
    folder.mkdir(exist_ok=True)
    options = ["-o", f"size={size},mode=777"]
    with mounted(["mount", "-t", "tmpfs", *options, "tmpfs", str(folder)], folder):
        yield folder


@contextmanager
def only_readable(folder: Path) -> Iterator[Path]:
    """A folder as a mount that may only be read."""
    with mounted(["mount", "--bind", "-o", "ro", str(folder), str(folder)], folder):
        yield folder


@contextmanager
def fuse_mount(folder: Path) -> Iterator[Path]:
    """A file system that a program serves, in a new folder: bindfs, which shows another folder's files."""
    files, point = folder / "files", folder / "fuse"
    for each in (files, point):
        each.mkdir(exist_ok=True)
    with mounted(["bindfs", str(files), str(point)], point):
        yield point
