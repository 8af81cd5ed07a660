#!/usr/bin/env bash
# BYWEEKNO of dateutil errs at both ends of some years: it knows a week 53 in 2022, and -53 of 2020 begins late.
#
# Version   python-dateutil 2.9.0.post0, CPython 3.11.
# Expected  RFC 5545, 3.3.10: weeks are numbered as in ISO 8601. 2022-01-01 and 2022-01-02 are in week 52 of 2021, which
#           has no week 53; date.isocalendar() says so.
# Seen      rrule(YEARLY, byweekno=53) gives both days, byweekno=52 leaves them out. The same in 1994, 2011, 2039, 2050,
#           2067, 2078, 2095: years that begin on a Saturday behind a year that is no leap year. With negative numbers
#           the last days of December are left out that belong to week 1 of a year of 53 weeks: 2019-12-30 is week -53
#           of 2020, as it is week 1 for BYWEEKNO=1. A year's last job of "week 53" runs in years that have none.
# Run it    as any user with a package index; it makes an environment in a temporary folder.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv made
made/bin/python -m pip install --quiet --disable-pip-version-check python-dateutil==2.9.0.post0 2>/dev/null
cat >ask.py <<'PY'
from datetime import datetime
from dateutil.rrule import YEARLY, rrule

for week in (52, 53):
    days = rrule(YEARLY, byweekno=week, byweekday=range(7), dtstart=datetime(2022, 1, 1), until=datetime(2022, 1, 31))
    print(f"week {week}:", *(f"{day:%Y-%m-%d} is in {day:%G-W%V}" for day in days))
for week in (1, -53):
    first = rrule(YEARLY, byweekno=week, byweekday=range(7), dtstart=datetime(2019, 12, 1))[0]
    print(f"week {week} of 2020 begins on {first:%Y-%m-%d}")
PY
said=$(made/bin/python ask.py)
echo "$said"
expected=$(cat <<'END'
week 52:
week 53: 2022-01-01 is in 2021-W52 2022-01-02 is in 2021-W52
week 1 of 2020 begins on 2019-12-30
week -53 of 2020 begins on 2020-01-01
END
)
[ "$said" = "$expected" ] || { echo "CHANGED"; exit 1; }
