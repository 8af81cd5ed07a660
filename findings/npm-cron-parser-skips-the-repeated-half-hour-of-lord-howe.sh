#!/usr/bin/env bash
# cron-parser of npm runs through a repeated hour, but skips a repeated half hour.
#
# Version   cron-parser 5.10.6, Node.js 20.
# Expected  An expression with a star in its hour runs by the time that passes: every 15 minutes on the night on which
#           clocks go back, by one hour in Berlin and by half an hour on Lord Howe.
# Seen      Berlin: each quarter of the repeated hour. Lord Howe: 01:45+11:00 is followed by 02:00+10:30, 45 minutes
#           later.
# Run it    as any user with a package index; it makes an environment in a temporary folder.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-fund --no-audit cron-parser@5.10.6 >/dev/null 2>&1
cat >ask.mjs <<'JS'
import { CronExpressionParser } from 'cron-parser';

for (const [zone, start] of [['Europe/Berlin', '2026-10-25T02:35:00+02:00'], ['Australia/Lord_Howe', '2026-04-05T01:35:00+11:00']]) {
  const times = CronExpressionParser.parse('*/15 * * * *', { currentDate: new Date(start), tz: zone });
  const found = [0, 1, 2].map(() => times.next().toDate());
  console.log(zone, ...found.map((each) => each.toISOString().slice(11, 16) + 'Z'));
}
JS
said=$(node ask.mjs)
echo "$said"
expected=$(cat <<'END'
Europe/Berlin 00:45Z 01:00Z 01:15Z
Australia/Lord_Howe 14:45Z 15:30Z 15:45Z
END
)
[ "$said" = "$expected" ] || { echo "CHANGED"; exit 1; }
