#!/usr/bin/env bash
# What psycopg2 reads of a bytea column never equals the bytes that were written: a comparison of before and now always differs.
#
# Version   psycopg2-binary 2.9.13; psycopg 3.3.9 beside it; any PostgreSQL (15.19 here).
# Expected  A memoryview equals the bytes that it shows, as memoryview(b"abc") == b"abc" does: a program that reads a row
#           twice, or compares it with what it wrote, sees that nothing changed.
# Seen      psycopg2's memoryview has the format "c". Its elements are bytes of length one, not numbers, so it equals
#           neither b"abc" nor an ordinary view of it; bytes(view) does. psycopg 3 gives bytes.
# Run it    as root on Debian 12 or newer (initdb runs as nobody); it needs a package index and apt-get download, and makes
#           its own server.
set -euo pipefail
folder=$(mktemp -d)
cleanup() { [ -f "$folder/data/postmaster.pid" ] && kill -INT "$(head -1 "$folder/data/postmaster.pid")" 2>/dev/null; sleep 1; rm -rf "$folder"; }
trap cleanup EXIT
cd "$folder"
chmod 755 .
python3 -m venv made
made/bin/python -m pip install --quiet --disable-pip-version-check psycopg2-binary==2.9.13 "psycopg[binary]==3.3.9" 2>/dev/null
binaries=$(ls -d /usr/lib/postgresql/15/bin 2>/dev/null || true)
if [ -z "$binaries" ]; then
    apt-get download -q postgresql-15 postgresql-client-15 >/dev/null
    for each in postgresql*.deb; do dpkg-deb -x "$each" .; done
    binaries=$folder/usr/lib/postgresql/15/bin
fi
as_nobody() { setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"; }
mkdir data run && chown nobody data run
as_nobody "$binaries/initdb" -D data -U asker --auth=trust >/dev/null
as_nobody "$binaries/postgres" -D data -k "$folder/run" -c listen_addresses= >log 2>&1 &
for _ in $(seq 100); do "$binaries/psql" -h "$folder/run" -U asker -d postgres -qAtc "SELECT 1" >/dev/null 2>&1 && break; sleep 0.1; done
cat >ask.py <<'PY'
import sys
import psycopg
import psycopg2

for driver in (psycopg2, psycopg):
    with driver.connect(host=sys.argv[1], user="asker", dbname="postgres") as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT 'abc'::bytea")
        (seen,) = cursor.fetchone()
    view = memoryview(seen)
    print(driver.__name__, type(seen).__name__, view.format, seen == b"abc", seen == memoryview(b"abc"), bytes(seen) == b"abc")
PY
said=$(made/bin/python ask.py "$folder/run")
echo "$said"
expected=$(cat <<'END'
psycopg2 memoryview c False False True
psycopg bytes B True True True
END
)
[ "$said" = "$expected" ] || { echo "CHANGED"; exit 1; }
