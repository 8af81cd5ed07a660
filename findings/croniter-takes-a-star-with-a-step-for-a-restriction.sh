#!/usr/bin/env bash
# "0 0 13 * */2": croniter runs on each second weekday too, cron only on a 13th that is such a weekday.
#
# Version   croniter 7.0.0; cronsim 2.8, which says that it follows Debian's cron, beside it.
# Expected  crontab(5) of Debian: the days are joined with OR where both fields are restricted, that is, do not contain
#           a star; a field */2 contains one, so both must match.
# Seen      croniter joins them with OR: five runs in the first ten days of November where cron has none before 13
#           December.
# Run it    as any user with a package index; it makes an environment in a temporary folder.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv made
made/bin/python -m pip install --quiet --disable-pip-version-check croniter==7.0.0 cronsim==2.8 2>/dev/null
cat >ask.py <<'PY'
from datetime import datetime, timezone
from croniter import croniter
from cronsim import CronSim

start = datetime(2026, 11, 1, tzinfo=timezone.utc)
iterator, simulated = croniter("0 0 13 * */2", start), CronSim("0 0 13 * */2", start)
print("croniter", *(f"{iterator.get_next(datetime):%m-%d}" for _ in range(5)))
print("cronsim", *(f"{next(simulated):%m-%d}" for _ in range(3)))
PY
said=$(made/bin/python ask.py)
echo "$said"
expected=$(cat <<'END'
croniter 11-03 11-05 11-07 11-08 11-10
cronsim 12-13 02-13 03-13
END
)
[ "$said" = "$expected" ] || { echo "CHANGED"; exit 1; }
