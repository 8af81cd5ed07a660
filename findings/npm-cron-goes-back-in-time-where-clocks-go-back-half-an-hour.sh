#!/usr/bin/env bash
# cron of npm: in the half hour that Lord Howe has twice, the next date lies before the one it is asked from.
#
# Version   cron 4.4.0 (with luxon 3.7.2), Node.js 20; croner 11.0.1 beside it.
# Expected  getNextDateFrom(date) is later than date, in every zone. In Australia/Lord_Howe clocks go back from 02:00 to
#           01:30 on 2026-04-05, by thirty minutes.
# Seen      Asked again from its own answers, */15 gives 01:45+10:30 and then 01:45+11:00, half an hour earlier,. With
#           Europe/Berlin, where an hour is repeated, it is right.
# Run it    as any user with a package index; it makes an environment in a temporary folder.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-fund --no-audit cron@4.4.0 luxon@3.7.2 croner@11.0.1 >/dev/null 2>&1
cat >ask.mjs <<'JS'
import { CronTime } from 'cron';
import { Cron } from 'croner';
import { DateTime } from 'luxon';

const zone = 'Australia/Lord_Howe';
const shown = (each) => each.setZone(zone).toFormat('HH:mmZZ');
const start = DateTime.fromISO('2026-04-05T01:20:00+11:00').setZone(zone);
const time = new CronTime('*/15 * * * *', zone);
const seen = [];
for (let each = start, i = 0; i < 6; i++) {
  each = time.getNextDateFrom(each, zone);
  seen.push(shown(each));
}
console.log('cron', ...seen);
const runs = new Cron('*/15 * * * *', { timezone: zone }).nextRuns(6, start.toJSDate());
console.log('croner', ...runs.map((each) => shown(DateTime.fromJSDate(each))));
JS
said=$(node ask.mjs)
echo "$said"
expected=$(cat <<'END'
cron 01:30+11:00 01:45+11:00 01:30+10:30 01:45+11:00 01:30+10:30 01:45+11:00
croner 01:30+11:00 01:45+11:00 01:30+10:30 01:45+10:30 02:00+10:30 02:15+10:30
END
)
[ "$said" = "$expected" ] || { echo "CHANGED"; exit 1; }
