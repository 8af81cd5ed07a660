"""The application under Robyn: ``python -m servers.robyn_application PORT PROCESSES``. It forks, so jobs run in the parent."""

from __future__ import annotations

import sys

from robyn import Robyn
from servers import application

app = Robyn(__file__)


@app.get("/")
async def status(_request):
    return application.status().decode()


if __name__ == "__main__":
    port, processes = sys.argv[1:3]
    sys.argv[1:] = []
    app.config.processes = int(processes)
    app.start(host="127.0.0.1", port=int(port))
