#!/usr/bin/env bash
# With FAKETIME_DONT_FAKE_MONOTONIC=1 every time.sleep() of CPython 3.11 and newer raises OSError.
#
# Version   Debian's libfaketime 0.9.10-2.1; CPython 3.11 to 3.13 (3.10 and older are not affected).
# Expected  The option leaves monotonic clocks alone, so that sleeps and timeouts last as long as they say while the
#           wall clock is shifted. Without the option time.sleep(0.2) takes 0.2 s.
# Seen      time.sleep(0.2) returns at once with "[Errno 22] Invalid argument", whatever the shift, 0 included.
#           CPython sleeps by clock_nanosleep() until an instant of the monotonic clock since 3.11; before, by select().
# Run it    as any user, on Debian 12 with a python3 of 3.11 or newer. It needs apt-get download.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
chmod 755 .
apt-get download -q libfaketime=0.9.10-2.1 >/dev/null
dpkg-deb -x libfaketime_*.deb .
library=$(find . -name libfaketime.so.1 -print -quit)
cat >ask.py <<'PY'
import sys, time
began = time.monotonic()
try:
    time.sleep(0.2)
    said = "slept"
except OSError as exc:
    said = f"OSError {exc.errno}"
print(said, "at once" if time.monotonic() - began < 0.1 else "0.2 s")
PY
ask() { env LD_PRELOAD="$PWD/$library" FAKETIME=+60 "$@" python3 ask.py; }
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "needs python3 >= 3.11"; exit 2; }
without=$(ask A=1)
with=$(ask FAKETIME_DONT_FAKE_MONOTONIC=1)
echo "without the option: $without"
echo "with it:            $with"
[ "$without" = "slept 0.2 s" ] && [ "$with" = "OSError 22 at once" ] || { echo "CHANGED"; exit 1; }
