#!/usr/bin/env bash
# str() of a dateutil rule with an aware start writes neither zone nor Z; what is read back is naive.
#
# Version   python-dateutil 2.9.0.post0, CPython 3.11.
# Expected  The text can be read again by rrulestr() and gives the same rule: DTSTART;TZID=Europe/Berlin:..., and a UTC
#           start ends in Z (RFC 5545, 3.3.5).
# Seen      DTSTART:20261201T023000 for Berlin and for UTC alike. Both come back as naive times, and a rule that was
#           stored as its text runs at another hour. UNTIL, which must be UTC beside an aware start, is written without
#           its Z too, so that the text is at least of one kind.
# Run it    as any user with a package index; it makes an environment in a temporary folder.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv made
made/bin/python -m pip install --quiet --disable-pip-version-check python-dateutil==2.9.0.post0 tzdata==2026.1 2>/dev/null
cat >ask.py <<'PY'
from datetime import datetime, timezone
from zoneinfo import ZoneInfo
from dateutil.rrule import DAILY, rrule, rrulestr

for zone in (ZoneInfo("Europe/Berlin"), timezone.utc):
    until = datetime(2026, 12, 5, 12, tzinfo=timezone.utc)
    text = str(rrule(DAILY, dtstart=datetime(2026, 12, 1, 2, 30, tzinfo=zone), until=until))
    print(*text.split("\n"), "read back:", rrulestr(text)[0].tzinfo)
PY
said=$(made/bin/python ask.py)
echo "$said"
expected=$(cat <<'END'
DTSTART:20261201T023000 RRULE:FREQ=DAILY;UNTIL=20261205T120000 read back: None
DTSTART:20261201T023000 RRULE:FREQ=DAILY;UNTIL=20261205T120000 read back: None
END
)
[ "$said" = "$expected" ] || { echo "CHANGED"; exit 1; }
