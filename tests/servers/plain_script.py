"""The application as a script: ``python -m servers.plain_script blocking``, or ``background``.

A ``BlockingScheduler`` handles TERM by itself; the other script makes an exit of it, as the documents say.
"""

from __future__ import annotations

import signal
import sys
import time

from servers import application

from apscheduler.schedulers.blocking import BlockingScheduler

if __name__ == "__main__":
    if sys.argv[1] == "blocking":
        application.made(BlockingScheduler).start()
    else:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        application.scheduler.start()
        while True:
            time.sleep(60)
