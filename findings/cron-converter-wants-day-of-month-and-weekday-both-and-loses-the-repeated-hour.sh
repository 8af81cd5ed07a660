#!/usr/bin/env bash
# cron-converter joins day of month and weekday with AND, and skips the hour that an autumn night has twice.
#
# Version   cron-converter 2.0.2; cronsim 2.8 beside it.
# Expected  crontab(5): where both day fields are restricted, the command runs when either matches; a job with a star in
#           its hour runs by the time that passes, through both hours.
# Seen      "0 0 1-7 * 1" gives the first Monday of each month only, instead of each Monday and the first seven days.
#           "*/30 * * * *" has no run between 02:30 summer time and 03:00 winter time in Berlin: 90 minutes of silence.
# Run it    as any user with a package index; it makes an environment in a temporary folder.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv made
made/bin/python -m pip install --quiet --disable-pip-version-check cron-converter==2.0.2 cronsim==2.8 tzdata==2026.1 2>/dev/null
cat >ask.py <<'PY'
from datetime import datetime
from zoneinfo import ZoneInfo
from cron_converter import Cron
from cronsim import CronSim

berlin = ZoneInfo("Europe/Berlin")
for text, start in {
    "0 0 1-7 * 1": datetime(2026, 11, 29, tzinfo=berlin),
    "*/30 * * * *": datetime(2026, 10, 25, 2, 15, tzinfo=berlin),
}.items():
    schedule, simulated = Cron(text).schedule(start), CronSim(text, start)
    print("cron-converter", *(f"{schedule.next():%m-%dT%H:%M%z}" for _ in range(3)))
    print("cronsim", *(f"{next(simulated):%m-%dT%H:%M%z}" for _ in range(3)))
PY
said=$(made/bin/python ask.py)
echo "$said"
expected=$(cat <<'END'
cron-converter 12-07T00:00+0100 01-04T00:00+0100 02-01T00:00+0100
cronsim 11-30T00:00+0100 12-01T00:00+0100 12-02T00:00+0100
cron-converter 10-25T02:30+0200 10-25T03:00+0100 10-25T03:30+0100
cronsim 10-25T02:30+0200 10-25T02:00+0100 10-25T02:30+0100
END
)
[ "$said" = "$expected" ] || { echo "CHANGED"; exit 1; }
