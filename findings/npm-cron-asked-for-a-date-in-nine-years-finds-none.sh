#!/usr/bin/env bash
# cron of npm: getNextDateFrom(date) finds nothing for a date more than eight years from today, though the job is daily.
#
# Version   cron 4.4.0 (with luxon 3.7.2), Node.js 20; croner 11.0.1 beside it.
# Expected  The answer depends on the date that is given: a daily job has a next date within a day of it, whenever it is asked.
# Seen      The bound of eight years counts from the present, not from the date given. Seven years ahead "0 0 * * *" is found;
#           nine years ahead it raises "No execution date was found in the next 8 years". A preview of a calendar, or a test
#           with a clock of its own, meets it.
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

function say(name, years, find) {
  const start = DateTime.utc().startOf('day').plus({ years, hours: 1 });
  let said;
  try {
    const found = find(start.toJSDate());
    said = `${DateTime.fromJSDate(found).diff(start).as('hours')} h later`;
  } catch (error) {
    said = error.message.split('\n')[0];
  }
  console.log(`${name}, ${years} years ahead: ${said}`);
}
const cron = (start) => new CronTime('0 0 * * *', 'UTC').getNextDateFrom(start, 'UTC').toJSDate();
say('cron', 7, cron);
say('cron', 9, cron);
say('croner', 9, (start) => new Cron('0 0 * * *', { timezone: 'UTC' }).nextRun(start));
JS
said=$(TZ=UTC node ask.mjs)
echo "$said"
expected=$(cat <<'END'
cron, 7 years ahead: 23 h later
cron, 9 years ahead: Something went wrong. No execution date was found in the next 8 years.
croner, 9 years ahead: 23 h later
END
)
[ "$said" = "$expected" ] || { echo "CHANGED"; exit 1; }
