#!/usr/bin/env bash
# "30 2 * * *" in Berlin: croniter gives both 02:30 of the night in which clocks go back, cron runs the job once.
#
# Version   croniter 7.0.0; cronsim 2.8, which says that it follows Debian's cron, beside it.
# Expected  cron(8) of Debian: a job at a fixed time of day runs once where clocks go back by up to three hours, as it
#           runs once where its time is skipped.
# Seen      croniter gives 02:30+02:00 and, an hour later, 02:30+01:00. In spring both give 03:00 for the skipped 02:30.
# Run it    as any user with a package index; it makes an environment in a temporary folder.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv made
made/bin/python -m pip install --quiet --disable-pip-version-check croniter==7.0.0 cronsim==2.8 tzdata==2026.6 2>/dev/null
cat >ask.py <<'PY'
from datetime import datetime
from zoneinfo import ZoneInfo
from croniter import croniter
from cronsim import CronSim

for day in (datetime(2026, 3, 28, 12), datetime(2026, 10, 24, 12)):
    start = day.replace(tzinfo=ZoneInfo("Europe/Berlin"))
    iterator, simulated = croniter("30 2 * * *", start), CronSim("30 2 * * *", start)
    print("croniter", *(f"{iterator.get_next(datetime):%m-%dT%H:%M%z}" for _ in range(3)))
    print("cronsim", *(f"{next(simulated):%m-%dT%H:%M%z}" for _ in range(3)))
PY
said=$(made/bin/python ask.py)
echo "$said"
expected=$(cat <<'END'
croniter 03-29T03:00+0200 03-30T02:30+0200 03-31T02:30+0200
cronsim 03-29T03:00+0200 03-30T02:30+0200 03-31T02:30+0200
croniter 10-25T02:30+0200 10-25T02:30+0100 10-26T02:30+0100
cronsim 10-25T02:30+0200 10-26T02:30+0100 10-27T02:30+0100
END
)
[ "$said" = "$expected" ] || { echo "CHANGED"; exit 1; }
