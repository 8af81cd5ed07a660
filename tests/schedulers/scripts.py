"""Scripts as users write them, run in a process of their own, with every warning as an error."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from tools import TESTED

PATIENCE = 30

PREAMBLE = """
import logging, multiprocessing, os, signal, sys, threading, types
from threading import Event
from apscheduler import events
from apscheduler.executors.pool import ProcessPoolExecutor, ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.blocking import BlockingScheduler

# A busy machine may run a job late; nothing here is about that.
PATIENT = {"max_instances": 1000, "misfire_grace_time": None}

def say(*words):
    # One write, so that lines of two processes do not mix.
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())
"""
needs_signals = pytest.mark.skipif(os.name == "nt", reason="sends signals to one process")


class Script:
    """A script, running with every warning as an error."""

    def __init__(self, folder, *parts):
        path = folder / "script.py"
        path.write_text("\n".join(textwrap.dedent(part) for part in (PREAMBLE, *parts)))
        # From 3.12 on Python warns of any fork beside threads: that is what is tried here.
        quiet = "ignore:This process:DeprecationWarning"
        self.running = subprocess.Popen(
            [sys.executable, "-W", "error", "-W", quiet, str(path)],
            env={**os.environ, "PYTHONPATH": str(TESTED)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def send_once_it_says(self, word, *signals):
        """Send the signals to the script alone, not to its children."""
        assert self.running.stdout.readline() == f"{word}\n"
        for number in signals:
            self.running.send_signal(number)

    def end(self, seconds=PATIENCE):
        """Wait until it and all of its children have ended: they share its standard output."""
        began = time.monotonic()
        try:
            self.out, self.err = self.running.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.running.pid, signal.SIGKILL)
            self.out, self.err = self.running.communicate()
            pytest.fail(f"still running after {seconds} s: {self.out}{self.err}")
        self.seconds = time.monotonic() - began
        self.lines = self.out.splitlines()
        return self

    def assert_clean(self):
        assert (self.running.returncode, self.err) == (0, "")
