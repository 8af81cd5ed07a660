#!/usr/bin/env bash
# uvicorn that is told to TERM shuts its application down in order, and then skips what atexit and threads have to do.
#
# Version   uvicorn 0.54.0, CPython 3.11, one worker, no reload.
# Expected  After an orderly shutdown (lifespan.shutdown was answered, "Finished server process" was logged) Python ends as
#           it does after Ctrl-C: atexit handlers run, and threads that are no daemons are waited for.
# Seen      After SIGINT they do, and the status is 0. After SIGTERM uvicorn sends itself the signal again, with the handler
#           that was there before: the process dies of it (status 143), no atexit handler runs, buffered output is lost.
#           What must be done at the end belongs into the lifespan hook.
# Run it    as any user with a package index; it makes an environment in a temporary folder, and listens at a free port.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv made
made/bin/python -m pip install --quiet --disable-pip-version-check uvicorn==0.54.0 2>/dev/null
cat >served.py <<'PY'
import atexit

atexit.register(print, "atexit", flush=True)

async def app(scope, receive, send):
    assert scope["type"] == "lifespan"
    while True:
        what = (await receive())["type"]
        print(what, flush=True)
        await send({"type": f"{what}.complete"})
        if what == "lifespan.shutdown":
            return
PY
said=$(for signal in INT TERM; do
    made/bin/python -m uvicorn served:app --port 0 >"$signal" 2>&1 &
    for _ in $(seq 100); do grep -q "running on" "$signal" && break; sleep 0.1; done
    kill -"$signal" $!
    status=0
    wait $! 2>/dev/null || status=$?
    echo "$signal $status" $(grep -x "lifespan.shutdown\|atexit" "$signal")
done)
echo "$said"
expected=$(cat <<'END'
INT 0 lifespan.shutdown atexit
TERM 143 lifespan.shutdown
END
)
[ "$said" = "$expected" ] || { echo "CHANGED"; exit 1; }
