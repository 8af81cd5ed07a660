"""The page on upgrades says what the package's metadata says."""

from __future__ import annotations

import re
import tomllib

from tools import ROOT

PAGE = (ROOT / "docs" / "reference" / "upgrades.md").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def test_each_python_that_is_supported_has_its_date():
    supported = {
        found[1]
        for each in PROJECT["classifiers"]
        if (found := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", each))
    }
    dated = dict(re.findall(r"^\| (3\.\d+) \| October (\d{4}) \|$", PAGE, re.MULTILINE))
    assert dated.keys() == supported
    assert PROJECT["requires-python"] == f">={min(supported, key=lambda text: int(text[2:]))}"
    # CPython appears each October, and is mended for five years.
    assert {
        version: int(year) - int(version[2:]) for version, year in dated.items()
    } == dict.fromkeys(supported, 2016)
