#!/usr/bin/env bash
# cron and cron-schedule of npm: days of the month 1-31 beside a day of the week count as a star, and only the weekday is left.
#
# Version   cron 4.4.0 (with luxon 3.7.2), cron-schedule 6.0.0, Node.js 20; croner 11.0.1 beside them.
# Expected  As crontab(5) has it: a day matches either field where both are restricted, that is, do not begin with a star.
#           1-31 begins with none, so "0 0 1-31 * 1" fires every day, as it does under Debian's cron.
# Seen      Both fire on Mondays only: they look at which days the field holds, not at how it was written. croner fires daily.
# Run it    as any user with a package index; it makes an environment in a temporary folder.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-fund --no-audit cron@4.4.0 luxon@3.7.2 cron-schedule@6.0.0 croner@11.0.1 >/dev/null 2>&1
cat >ask.mjs <<'JS'
import { CronTime } from 'cron';
import { parseCronExpression } from 'cron-schedule';
import { Cron } from 'croner';
import { DateTime } from 'luxon';

const expression = '0 0 1-31 * 1';
const start = new Date(2026, 10, 30, 12);  // a Monday
const day = (each) => DateTime.fromJSDate(each).toFormat('ccc dd');
const found = [];
for (let each = DateTime.fromJSDate(start), i = 0; i < 3; i++) {
  each = new CronTime(expression).getNextDateFrom(each);
  found.push(day(each.toJSDate()));
}
console.log('cron', found.join(', '));
console.log('cron-schedule', parseCronExpression(expression).getNextDates(3, start).map(day).join(', '));
console.log('croner', new Cron(expression).nextRuns(3, start).map(day).join(', '));
JS
said=$(TZ=UTC node ask.mjs)
echo "$said"
expected=$(cat <<'END'
cron Mon 07, Mon 14, Mon 21
cron-schedule Mon 07, Mon 14, Mon 21
croner Tue 01, Wed 02, Thu 03
END
)
[ "$said" = "$expected" ] || { echo "CHANGED"; exit 1; }
