"""A debugger or coverage beside runs that timed out: traced code goes on."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import os, sys, threading
from apscheduler.events import EVENT_JOB_ERROR
from apscheduler.schedulers.background import BackgroundScheduler

def hang_in_c():
    os.read(reading, 1)

def hang_in_python():
    while True:
        pass

def called():
    pass

def traced():
    sys.setprofile(lambda *_: None)
    called()
    sys.setprofile(None)

reading, writing = os.pipe()
timed_out = threading.Event()
scheduler = BackgroundScheduler(timezone="UTC")
scheduler.add_listener(lambda _: timed_out.set(), EVENT_JOB_ERROR)
scheduler.start()
scheduler.add_job(globals()[sys.argv[1]], timeout=0.1, misfire_grace_time=None)
assert timed_out.wait(20)
traced()
os.write(writing, b"x")
scheduler.shutdown()
traced()
print("went on")
"""


@pytest.mark.parametrize("job", ["hang_in_c", "hang_in_python"])
def test_code_that_is_profiled_goes_on_while_and_after_a_run_that_times_out(job):
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM, job], capture_output=True, text=True, timeout=30
    )
    assert told.stdout == "went on\n", told.stderr
