#!/usr/bin/env bash
# In a repeated hour APScheduler's cron gives the fire time again that it was told of in another zone.
#
# Version   APScheduler 3.11.3.
# Expected  get_next_fire_time(previous, now) gives a later instant than `previous`, in whichever zone that is written: an
#           instant is the same one in each. A job whose next_run_time was set in UTC runs once at it.
# Seen      New York, 2024-11-03: 01:30 comes twice, at 05:30 and 06:30 UTC. Told of either in UTC, or in London's zone, cron
#           gives it again; told of it in New York's own zone, it gives the next one. So the job runs twice at one instant.
# Run it    as any user with a package index; it makes an environment in a temporary folder.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv made
made/bin/python -m pip install --quiet --disable-pip-version-check apscheduler==3.11.3 tzdata==2026.6 2>/dev/null
cat >ask.py <<'PY'
from datetime import UTC, datetime
from zoneinfo import ZoneInfo
from apscheduler.triggers.cron import CronTrigger

trigger = CronTrigger(minute=30, timezone="America/New_York")
for hour in (5, 6, 7):
    previous = datetime(2024, 11, 3, hour, 30, tzinfo=UTC)
    for zone in ("America/New_York", "Europe/London", "UTC"):
        shown = previous.astimezone(ZoneInfo(zone))
        following = trigger.get_next_fire_time(shown, previous).astimezone(UTC)
        print(f"{previous:%H:%M} {zone}: {following:%H:%M}")
PY
said=$(made/bin/python ask.py)
echo "$said"
expected=$(cat <<'END'
05:30 America/New_York: 06:30
05:30 Europe/London: 05:30
05:30 UTC: 05:30
06:30 America/New_York: 07:30
06:30 Europe/London: 06:30
06:30 UTC: 06:30
07:30 America/New_York: 08:30
07:30 Europe/London: 08:30
07:30 UTC: 08:30
END
)
[ "$said" = "$expected" ] || { echo "CHANGED"; exit 1; }
