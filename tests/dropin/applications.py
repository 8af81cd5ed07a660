"""Starts the applications of ``apps/`` and speaks to them."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

APPS = Path(__file__).parent / "apps"
PATIENCE_SECONDS = 60


def environment(**more: str) -> dict[str, str]:
    """Return the variables an application starts with; nothing of the checkout is on its path."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return kept | {"PYTHONDONTWRITEBYTECODE": "1"} | more


def reports(python: Path, *words, **variables: str) -> list[dict]:
    """Run an application to its end and return the lines of JSON it printed."""
    done = subprocess.run(
        [python, *words],
        cwd=APPS,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@contextmanager
def serving(python: Path, *words, log: Path):
    """Run an application that reports its port, and yield a client of it."""
    with log.open("w") as stderr:
        server = subprocess.Popen(
            [python, *words],
            cwd=APPS,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        try:
            line = server.stdout.readline()
            assert line, log.read_text()
            yield Client(json.loads(line)["port"])
            server.send_signal(signal.SIGINT)
            assert server.wait(PATIENCE_SECONDS) == 0, log.read_text()
        finally:
            server.kill()
            server.stdout.close()
            server.wait()
    assert "Traceback" not in log.read_text(), log.read_text()


class Client:
    """Speaks JSON to one server over HTTP."""

    def __init__(self, port: int) -> None:
        self._root = f"http://127.0.0.1:{port}"
        self.headers = {"Content-Type": "application/json"}

    def sign_in(self, name: str, password: str) -> None:
        token = base64.b64encode(f"{name}:{password}".encode()).decode()
        self.headers["Authorization"] = f"Basic {token}"

    def __call__(self, method: str, path: str, body: object = None) -> tuple[int, object]:
        """Return the status and the decoded body of an answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self._root + path, data=data, method=method, headers=self.headers
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        try:
            return status, json.loads(text or "null")
        except ValueError:
            return status, text.decode(errors="replace")
