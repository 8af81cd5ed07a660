#!/usr/bin/env bash
# cron-converter takes 5/15 for 5: a job meant for every quarter of an hour runs once an hour, without an error.
#
# Version   cron-converter 2.0.2; croniter 7.0.0 and cronsim 2.8 beside it.
# Expected  5/15 is "from 5 on, every 15", as croniter and cronsim read it and as Quartz documents it; or an error, as
#           where a step follows a single number it is no valid crontab(5).
# Seen      cron-converter accepts it and keeps the 5 alone.
# Run it    as any user with a package index; it makes an environment in a temporary folder.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv made
made/bin/python -m pip install --quiet --disable-pip-version-check cron-converter==2.0.2 croniter==7.0.0 cronsim==2.8 2>/dev/null
cat >ask.py <<'PY'
from datetime import datetime, timezone
from cron_converter import Cron
from croniter import croniter
from cronsim import CronSim

start = datetime(2026, 12, 1, tzinfo=timezone.utc)
schedule, iterator, simulated = Cron("5/15 * * * *").schedule(start), croniter("5/15 * * * *", start), CronSim("5/15 * * * *", start)
print("cron-converter", *(f"{schedule.next():%H:%M}" for _ in range(3)))
print("croniter", *(f"{iterator.get_next(datetime):%H:%M}" for _ in range(3)))
print("cronsim", *(f"{next(simulated):%H:%M}" for _ in range(3)))
PY
said=$(made/bin/python ask.py)
echo "$said"
expected=$(cat <<'END'
cron-converter 00:05 01:05 02:05
croniter 00:05 00:20 00:35
cronsim 00:05 00:20 00:35
END
)
[ "$said" = "$expected" ] || { echo "CHANGED"; exit 1; }
