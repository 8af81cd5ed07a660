#!/usr/bin/env bash
# PostgreSQL sorts a whole table for ORDER BY indexed LIMIT n as soon as the indexed column has a lower bound, too.
#
# Version   PostgreSQL 15.19 (Debian 12), default settings, a table that was filled just now (no ANALYZE yet).
# Expected  "WHERE due <= x AND due >= y ORDER BY due LIMIT 1000" takes the first rows off the index on due, as
#           "WHERE due <= x ORDER BY due LIMIT 1000" does: the second bound takes no row away.
# Seen      With one bound an Index Scan that stops after 1,000 rows. With both, all 20,000 rows are read by a Bitmap
#           Heap Scan and sorted. Without statistics the planner guesses that a third of the rows meets one bound, and one
#           in two hundred a range, so that the sort looks cheap. "GREATEST(due, y) <> y" says the same as "due > y", is
#           guessed to hold for nearly all rows, and keeps the index scan. After ANALYZE all three use the index.
# Run it    as root on Debian 12 or newer (initdb runs as nobody); it needs apt-get download, and makes its own server.
set -euo pipefail
folder=$(mktemp -d)
cleanup() { [ -f "$folder/data/postmaster.pid" ] && kill -INT "$(head -1 "$folder/data/postmaster.pid")" 2>/dev/null; sleep 1; rm -rf "$folder"; }
trap cleanup EXIT
cd "$folder"
chmod 755 .
binaries=$(ls -d /usr/lib/postgresql/15/bin 2>/dev/null || true)
if [ -z "$binaries" ]; then
    apt-get download -q postgresql-15 postgresql-client-15 >/dev/null
    for each in postgresql*.deb; do dpkg-deb -x "$each" .; done
    binaries=$folder/usr/lib/postgresql/15/bin
fi
as_nobody() { setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"; }
mkdir data run && chown nobody data run
as_nobody "$binaries/initdb" -D data -U asker --auth=trust >/dev/null
as_nobody "$binaries/postgres" -D data -k "$folder/run" -c listen_addresses= -c autovacuum=off >log 2>&1 &
ask() { "$binaries/psql" -h "$folder/run" -U asker -d postgres -qAt "$@"; }
for _ in $(seq 100); do ask -c "SELECT 1" >/dev/null 2>&1 && break; sleep 0.1; done
ask -c "CREATE TABLE jobs (id text PRIMARY KEY, due float8, state bytea); CREATE INDEX by_due ON jobs (due);
        INSERT INTO jobs SELECT 'job-' || n, n % 100, convert_to(repeat('x', 400), 'UTF8') FROM generate_series(1, 20000) n" >/dev/null
plan() { ask -c "EXPLAIN SELECT * FROM jobs WHERE $1 ORDER BY due LIMIT 1000" | grep -q Sort && echo sorts || echo index; }
one=$(plan "due <= 1000")
both=$(plan "due <= 1000 AND due >= -1000")
said=$(plan "due <= 1000 AND GREATEST(due, -1000) <> -1000")
ask -c "ANALYZE jobs"
after=$(plan "due <= 1000 AND due >= -1000")
echo "one bound: $one; both: $both; GREATEST: $said; both after ANALYZE: $after"
[ "$one $both $said $after" = "index sorts index index" ] || { echo "CHANGED"; exit 1; }
