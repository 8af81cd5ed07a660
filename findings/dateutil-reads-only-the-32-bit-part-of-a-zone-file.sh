#!/usr/bin/env bash
# A zone of dateutil's is UTC where zone files are of the slim kind, and has no summer time from 2038 on where they are fat.
#
# Version   python-dateutil 2.9.0.post0, tzdata 2026.6; zoneinfo of Python beside it, on the same files.
# Expected  A zone file (RFC 9636) has its times a second time in 64 bits, and a last line, a POSIX rule, for ever after.
#           zic writes the slim kind by default since 2020b, whose first, 32-bit part is empty; tzdata on the registry is
#           of that kind. zoneinfo reads the second part and the last line.
# Seen      dateutil reads the first part only. Of a slim file nothing is left, and the zone is UTC without an error or a
#           warning. Of a fat file, such as those that dateutil itself brings along, it knows the changes until 2037.
# Run it    as any user with a package index; it makes an environment in a temporary folder.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv made
made/bin/python -m pip install --quiet --disable-pip-version-check python-dateutil==2.9.0.post0 tzdata==2026.6 2>/dev/null
cat >ask.py <<'PY'
from datetime import datetime
from importlib.resources import as_file, files
from zoneinfo import ZoneInfo
from dateutil.tz import tzfile
from dateutil.zoneinfo import get_zonefile_instance

for name in ("Europe/Berlin", "America/New_York"):
    with as_file(files("tzdata").joinpath("zoneinfo", *name.split("/"))) as path:
        zones = tzfile(str(path)), get_zonefile_instance().get(name), ZoneInfo(name)
    for year in (2026, 2037, 2038):
        moment = datetime(year, 7, 20, 9)
        slim, fat, right = (f"{moment.replace(tzinfo=zone):%z}" for zone in zones)
        print(name, year, "slim", slim, "fat", fat, "zoneinfo", right)
PY
said=$(PYTHONTZPATH="" made/bin/python -W ignore ask.py)
echo "$said"
expected=$(cat <<'END'
Europe/Berlin 2026 slim +0000 fat +0200 zoneinfo +0200
Europe/Berlin 2037 slim +0000 fat +0200 zoneinfo +0200
Europe/Berlin 2038 slim +0000 fat +0100 zoneinfo +0200
America/New_York 2026 slim +0000 fat -0400 zoneinfo -0400
America/New_York 2037 slim +0000 fat -0400 zoneinfo -0400
America/New_York 2038 slim +0000 fat -0500 zoneinfo -0400
END
)
[ "$said" = "$expected" ] || { echo "CHANGED"; exit 1; }
