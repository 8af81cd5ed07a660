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
from urllib.parse import quote

APPS = Path(__file__).parent / "apps"
PATIENCE_SECONDS = 60
INSTALLING_SECONDS = 600
"""Patience with package indexes: the first test in a fresh checkout makes an environment."""


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
    return lines_of_json(done.stdout)


def lines_of_json(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


@contextmanager
def serving(python: Path, *words, log: Path, stop: signal.Signals = signal.SIGINT):
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
            client = Client(json.loads(line)["port"])
            yield client
            server.send_signal(stop)
            said, _ = server.communicate(timeout=PATIENCE_SECONDS)
            # uvicorn ends by the signal that stopped it.
            assert server.returncode in {0, -stop}, log.read_text()
            client.last_reports = lines_of_json(said)
        finally:
            server.kill()
            server.communicate()
    assert "Traceback" not in log.read_text(), log.read_text()


def troubles(runs: list[dict]) -> list[dict]:
    """Return the runs of a ledger that did not go as they should, even on a slow machine."""
    return [run for run in runs if run["outcome"] not in {"executed", "coalesced", "skipped"}]


class Client:
    """Speaks JSON to one server over HTTP."""

    def __init__(self, port: int) -> None:
        self._root = f"http://127.0.0.1:{port}"
        self.headers = {"Content-Type": "application/json"}
        self.last_reports: list[dict] = []  # what it said before it ended

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

    def count(self, name: str, at_least: int) -> int:
        """Wait until the site has counted something so often, and return its count."""
        _, told = self("GET", f"/tally/{quote(name)}/{at_least}")
        assert told["reached"], f"{name} was not counted {at_least} times"
        return told["count"]

    def runs(self, job: str) -> list[dict]:
        """Return what the site's ledger knows of a job's runs."""
        return [run for run in self("GET", "/ledger")[1] if run["job"] == job]

    def last_fire_time(self, job: str) -> float:
        return max((run["fire_time"] for run in self.runs(job)), default=0)

    def wait_for_fire_time(self, job: str, moment: float) -> None:
        """Wait until a job that counts its runs under its id has run for a fire time after this."""
        while self.last_fire_time(job) <= moment:
            self.count(job, self.count(job, 0) + 1)
