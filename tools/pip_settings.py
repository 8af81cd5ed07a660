"""uv reads no pip configuration; this hands it what pip was told on this machine."""

from __future__ import annotations

import ast
import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_UV_NAMES = {
    "index-url": "UV_INDEX_URL",
    "extra-index-url": "UV_EXTRA_INDEX_URL",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
}
PRINCIPAL_SETTINGS = frozenset({"UV_INDEX_URL", "SSL_CERT_FILE", "UV_LINK_MODE"})
_WEAKEST_FIRST = ("global", "install", ":env:")


def uv_environment(python: Path) -> dict[str, str]:
    """Return the environment variables that tell uv what pip's configuration says."""
    listed = subprocess.run(
        [str(python), "-m", "pip", "config", "list"], check=False, capture_output=True, text=True
    )
    settings = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_LINK_MODE": "copy"}
    settings |= translated(listed.stdout)
    return {name: value for name, value in settings.items() if name not in os.environ}


def translated(pip_config: str) -> dict[str, str]:
    """Translate the lines of ``pip config list`` into uv's variables."""
    found: dict[str, str] = {}
    for section in _WEAKEST_FIRST:
        for line in pip_config.splitlines():
            key, _, quoted = line.partition("=")
            owner, _, setting = key.rpartition(".")
            if owner == section and setting in _UV_NAMES:
                words = str(ast.literal_eval(quoted)).split()
                # uv separates several addresses by blanks, several link folders by commas.
                found[_UV_NAMES[setting]] = ("," if setting == "find-links" else " ").join(words)
    return found
