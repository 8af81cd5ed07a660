#!/usr/bin/env bash
# FREQ=WEEKLY with BYSETPOS: dateutil counts the set of the first week from DTSTART, not from the week's first day.
#
# Version   python-dateutil 2.9.0.post0, CPython 3.11.
# Expected  RFC 5545, 3.3.10: BYSETPOS counts in the set of one interval, here the whole week, and what lies before
#           DTSTART is left out afterwards. The first of Monday to Friday is a Monday, so a rule that starts on
#           Wednesday, 2026-12-02 begins on 2026-12-07. FREQ=MONTHLY does so in the same library.
# Seen      The WEEKLY rule gives Wednesday, 2026-12-02 first; the MONTHLY one leaves out its first month as the RFC
#           says.
# Run it    as any user with a package index; it makes an environment in a temporary folder.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv made
made/bin/python -m pip install --quiet --disable-pip-version-check python-dateutil==2.9.0.post0 2>/dev/null
cat >ask.py <<'PY'
from datetime import datetime
from dateutil.rrule import FR, MO, MONTHLY, TH, TU, WE, WEEKLY, rrule

for name, frequency in {"weekly": WEEKLY, "monthly": MONTHLY}.items():
    rule = rrule(frequency, byweekday=(MO, TU, WE, TH, FR), bysetpos=1, dtstart=datetime(2026, 12, 2, 9), count=2)
    print(name, *(f"{each:%a %Y-%m-%d}" for each in rule))
PY
said=$(made/bin/python ask.py)
echo "$said"
expected=$(cat <<'END'
weekly Wed 2026-12-02 Mon 2026-12-07
monthly Fri 2027-01-01 Mon 2027-02-01
END
)
[ "$said" = "$expected" ] || { echo "CHANGED"; exit 1; }
