#!/usr/bin/env bash
# ClientExecutor.shutdown(wait=False) of Dask says "cancelled" of calls that run, and they run to their end.
#
# Version   distributed 2026.8.0 (Client.get_executor()), CPython 3.11 to 3.13.
# Expected  As in concurrent.futures: a future that is running cannot be cancelled; shutdown(wait=False) leaves it alone,
#           and it has its result when the call ends.
# Seen      future.running() is true, shutdown(wait=False) returns, future.cancelled() is true; the call writes its
#           file a second later all the same. Whoever goes by the future believes that nothing was done.
# Run it    as any user with a package index; it makes an environment in a temporary folder.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv made
made/bin/python -m pip install --quiet --disable-pip-version-check distributed==2026.8.0
cat >ask.py <<'PY'
import sys, time
from pathlib import Path
from distributed import Client, LocalCluster

def work(folder):
    Path(folder, "began").touch()
    time.sleep(1)
    Path(folder, "ended").touch()

if __name__ == "__main__":
    folder = sys.argv[1]
    cluster = LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None)
    executor = Client(cluster).get_executor()
    future = executor.submit(work, folder)
    while not Path(folder, "began").exists():
        time.sleep(0.01)
    executor.shutdown(wait=False)
    deadline = time.monotonic() + 10
    while not future.done() and time.monotonic() < deadline:
        time.sleep(0.01)
    said = future.cancelled()
    while not Path(folder, "ended").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    print("cancelled" if said else "not cancelled", "ended" if Path(folder, "ended").exists() else "cut off")
PY
said=$(made/bin/python ask.py "$PWD" 2>/dev/null | tail -1)
echo "the future: ${said% *}; the call: ${said#* }"
[ "$said" = "cancelled ended" ] || { echo "CHANGED"; exit 1; }
