"""Starting real web servers with the application, asking their workers, and ending them."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest
from cluster.support import judge
from cluster.support.ports import reserve

from tools import ROOT, TESTED, commands, environments

PATHS = os.pathsep.join(map(str, (TESTED, ROOT / "tests")))
_ask = build_opener(ProxyHandler({})).open


@functools.cache
def programs() -> Path:
    """Return the folder of the servers' programs, in an environment of their own."""
    try:
        return commands.servers().parent
    except environments.SetupError as error:
        reason = f"the servers could not be installed (uwsgi needs a C compiler): {error}"
        if os.environ.get("REQUIRE_SERVICES") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


def command(server: str, port: int, workers: int, *more: str) -> list[str]:
    """Return how a server is started with the application."""
    address = f"127.0.0.1:{port}"
    return {
        "gunicorn": [
            *("gunicorn", "-w", str(workers), "-b", address, "--graceful-timeout", "5"),
            *("-c", "python:servers.gunicorn_settings", "--no-control-socket"),
            *(*more, "servers.application:application"),
        ],
        "uvicorn": [
            *("uvicorn", "--workers", str(workers), "--host", "127.0.0.1", "--port", str(port)),
            *(*more, "servers.application:asgi"),
        ],
        "hypercorn": [
            *("hypercorn", "--workers", str(workers), "--bind", address, "--graceful-timeout", "5"),
            *(*more, "servers.application:asgi"),
        ],
        "granian": [
            *("granian", "--workers", str(workers), "--host", "127.0.0.1", "--port", str(port)),
            *(
                *more,
                "servers.application:asgi" if "asgi" in more else "servers.application:application",
            ),
        ],
        "sanic": [
            *("sanic", "servers.sanic_application:app", "--host", "127.0.0.1", "--port", str(port)),
            *("--workers", str(workers), "--no-motd", *more),
        ],
        "script": ["python", "-m", "servers.plain_script", *more],
        "robyn": ["python", "-m", "servers.robyn_application", str(port), str(workers)],
        "uwsgi": [
            *("uwsgi", "--http-socket", address, "--master", "--processes", str(workers)),
            *("--die-on-term", "--module", "servers.application:application", *more),
        ],
        "flask": [
            *("flask", "--app", "servers.flask_application", "run", "--port", str(port), *more),
        ],
    }[server]


class Server:
    """A running web server.

    :param log: the file of marks; ``None`` for one in the folder
    """

    def __init__(
        self,
        server: str,
        folder: Path,
        *more: str,
        workers: int = 2,
        log: str | None = None,
        **told,
    ) -> None:
        self.log = log or str(folder / "marks")
        Path(self.log).touch()
        self.errors = folder / f"{server}.log"
        self._reserved = reserve()
        self.port = self._reserved.getsockname()[1]
        name, *arguments = command(server, self.port, workers, *more)
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("WERKZEUG_")
        }
        environment |= {"PYTHONPATH": PATHS, "PYTHONUNBUFFERED": "1", "TRIED_LOG": self.log}
        environment |= {f"TRIED_{key.upper()}": str(value) for key, value in told.items()}
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [str(programs() / name), *arguments],
                cwd=folder,
                env=environment,
                stdout=errors,
                stderr=errors,
                start_new_session=True,
            )

    def said(self) -> str:
        return self.errors.read_text(errors="replace")

    def wait_until(self, condition, what: str, seconds: float = 60.0):
        """Wait for processes to come to something, and return it."""
        deadline = time.monotonic() + seconds
        while True:
            found = condition()
            if found:
                return found
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError(f"no {what} within {seconds} s:\n{self.said()[-4000:]}")
            time.sleep(0.05)

    def status(self) -> dict | None:
        """Return what one of the workers says, ``None`` while none answers."""
        with suppress(OSError), _ask(f"http://127.0.0.1:{self.port}/", timeout=10) as answer:
            return json.load(answer)
        return None

    def workers(self, count: int, seconds: float = 60.0) -> dict[int, dict]:
        """Ask until so many different workers have answered; return the latest answer of each."""
        found: dict[int, dict] = {}

        def enough() -> bool:
            said = self.status()
            if said is not None:
                found[said["pid"]] = said
            return len(found) >= count

        self.wait_until(enough, f"answers of {count} workers", seconds)
        return found

    def marks(self) -> list:
        return judge.read(self.log)

    def wait_for_runs(self, count: int, since: int = 0) -> list:
        """Wait until jobs have started so often more, and return those marks."""

        def starts() -> list:
            found = [each for each in self.marks()[since:] if each.phase == "start"]
            return found if len(found) >= count else []

        return self.wait_until(starts, f"{count} runs")

    def kill_after(self, seconds: float) -> None:
        """Send TERM, and KILL to all of its processes after so many seconds."""
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def end(self) -> None:
        """End it as a service manager does, and with it whatever it left."""
        if self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(30)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        self._reserved.close()
