#!/usr/bin/env bash
# A call that a thread hands to an event loop that has ended: asyncio refuses it, Twisted and Tornado drop it without a word.
#
# Version   Twisted 26.10.0 (callFromThread), Tornado 6.6.1 (IOLoop.add_callback), asyncio of CPython 3.11 (call_soon_threadsafe).
# Expected  the function is called, or the thread gets an error and can do something else: asyncio raises RuntimeError.
# Seen      neither. Twisted accepts the call while the reactor's own shutdown waits for the thread, and afterwards; it never
#           makes it, since a reactor cannot be run again. Tornado's add_callback catches the error of the closed asyncio loop.
#           Whoever counts on the call to learn how a thread's work ended waits for ever.
# Run it    as any user with a package index; it makes an environment in a temporary folder.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv made
made/bin/python -m pip install --quiet --disable-pip-version-check twisted==26.10.0 tornado==6.6.1 2>/dev/null
cat >ask.py <<'PY'
import asyncio
import sys
import threading

called = []


def hand(how, name):
    try:
        how(lambda: called.append(name))
    except RuntimeError as exc:
        print(f"{name}: {exc}")
    else:
        print(f"{name}: accepted")


def by_asyncio():
    loop = asyncio.new_event_loop()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    hand(loop.call_soon_threadsafe, "after the end")


def by_tornado():
    from tornado.ioloop import IOLoop

    loop = IOLoop(make_current=False)
    loop.add_callback(loop.stop)
    loop.start()
    loop.close()
    hand(loop.add_callback, "after the end")


def by_twisted():
    from twisted.internet import reactor

    stops = threading.Event()

    def work():
        stops.wait()
        hand(reactor.callFromThread, "while it ends")

    def stop():
        reactor.callInThread(work)
        reactor.addSystemEventTrigger("before", "shutdown", stops.set)
        reactor.stop()

    reactor.callWhenRunning(stop)
    reactor.run()
    hand(reactor.callFromThread, "after the end")


{"asyncio": by_asyncio, "tornado": by_tornado, "twisted": by_twisted}[sys.argv[1]]()
print("called:", called)
PY
said=$(for each in asyncio tornado twisted; do
    echo "-- $each"
    made/bin/python ask.py "$each"
done)
echo "$said"
expected=$(cat <<'END'
-- asyncio
after the end: Event loop is closed
called: []
-- tornado
after the end: accepted
called: []
-- twisted
while it ends: accepted
after the end: accepted
called: []
END
)
[ "$said" = "$expected" ] || { echo "CHANGED"; exit 1; }
