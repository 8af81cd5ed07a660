#!/usr/bin/env bash
# A MariaDB server that starts removes the temporary tables of another server that runs with the same tmpdir.
#
# Version   MariaDB 10.11 (Debian 12), two servers with data folders, sockets and users of their own; tmpdir=/tmp is what
#           both have unless it is set.
# Expected  A start clears what its own last life left behind. Files of a server that runs are that server's.
# Seen      Every file whose name begins with "#sql" goes, whoever has it open. The other server's session still has its
#           TEMPORARY table (Aria) by name; what opens it again (here ALTER TABLE) fails with error 6:
#           the file is not there. Tests that start a server of their own break the machine's, once in a while.
# Cure      --tmpdir with a folder of the server's own.
# Run it    as root on Debian 12; it needs apt-get download, and makes its own servers.
set -euo pipefail
folder=$(mktemp -d)
cleanup() { kill $(jobs -p) 2>/dev/null || true; sleep 1; rm -rf "$folder"; }
trap cleanup EXIT
cd "$folder"
chmod 755 .
server=$(command -v mariadbd || true)
base=/usr
if [ -z "$server" ]; then
    apt-get download -q mariadb-server-core mariadb-client-core >/dev/null
    for each in mariadb-*.deb; do dpkg-deb -x "$each" .; done
    server=$folder/usr/sbin/mariadbd base=$folder/usr
fi
client=$(command -v mariadb || echo "$folder/usr/bin/mariadb")
mkdir tmp && chmod 777 tmp
for name in a b; do
    mkdir "$name" && chown nobody "$name"
    install=$(command -v mariadb-install-db || echo "$base/bin/mariadb-install-db")
    "$install" --no-defaults --basedir="$base" --datadir="$folder/$name" --user=nobody --auth-root-authentication-method=normal >/dev/null 2>&1
done
start() {
    "$server" --no-defaults --user=nobody --basedir="$base" --datadir="$folder/$1" --socket="$folder/$1/s" \
        --pid-file="$folder/$1/pid" --skip-networking --tmpdir="$2" >"$1.log" 2>&1 &
    for _ in $(seq 200); do "$client" --no-defaults -uroot -S "$folder/$1/s" -e "SELECT 1" >/dev/null 2>&1 && return; sleep 0.1; done
    echo "server $1 did not start"; tail -5 "$1.log"; exit 1
}
start a "$folder/tmp"
mkfifo asks
"$client" --no-defaults -uroot -S "$folder/a/s" --force --unbuffered test <asks >said 2>&1 &
exec 3>asks
echo "CREATE TEMPORARY TABLE kept (n int) ENGINE=Aria; INSERT INTO kept VALUES (1); SELECT 'made';" >&3
for _ in $(seq 100); do grep -q made said && break; sleep 0.1; done
before=$(ls tmp | grep -c '^#sql')
start b "$folder/tmp"
after=$(ls tmp | grep -c '^#sql' || true)
echo "ALTER TABLE kept ADD COLUMN m int; SELECT 'asked';" >&3
for _ in $(seq 100); do grep -q asked said && break; sleep 0.1; done
exec 3>&-
error=$(grep -o 'ERROR [0-9]*' said | head -1 || true)
echo "files before: $before, after another server's start: $after; ${error:-no error}"
"$server" --version
[ "$before" -gt 0 ] && [ "$after" -eq 0 ] && [ -n "$error" ] || { echo "CHANGED"; cat said; exit 1; }
