from __future__ import annotations

import pytest

from tools import machine_names


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("see /root/project for more", 1),
        ("PATH=/home/ann/bin:/opt/wheels", 2),
        (r"C:\Users\ann\x", 1),
        ("pip install from https://pypi.org/simple", 1),
        ("src/home/page.py and https://example.com/home/page", 0),
        ("a route /work or /optional/thing", 0),
    ],
)
def test_a_line_that_names_a_machine_is_found(line, count) -> None:
    assert len(machine_names.in_line(line)) == count


@pytest.mark.parametrize(
    "line", ["--index-url x", "a @ https://example.com/a.whl", "b @ file:///b"]
)
def test_requirements_name_no_address_at_all(line) -> None:
    assert machine_names.in_line(line) == []
    assert machine_names.in_line(line, pinned=True) == ["a requirements file names no address"]


def test_the_projects_files_name_no_machine() -> None:
    assert machine_names.findings() == []
