#!/usr/bin/env bash
# tests/postgres.sh COMMAND [ARGUMENT...]: runs a command beside a PostgreSQL server that exists for it alone.
# tests/postgres.sh --where: prints the folder of the server's programs, or fails.
#
# The server lives in a temporary folder on a free port of 127.0.0.1, and the command finds it in SCOPEGATE_TEST_POSTGRES
# (postgres://…, a superuser, who can make databases). It is gone when the command ends, however it ends. It keeps nothing
# safe from a loss of power: no test needs that, and each is faster.
set -euo pipefail

user=scopegate

main() {
  programs=$(find_programs) || {
    echo "tests/postgres.sh: no PostgreSQL server here; install the package postgresql" >&2
    exit 69
  }
  if [ "${1:-}" = --where ]; then
    echo "$programs"
    return
  fi
  if [ $# -eq 0 ]; then
    sed -n '2,3s/^# //p' "$0" >&2
    exit 64
  fi

  folder=$(mktemp -d "${TMPDIR:-/tmp}/scopegate-postgres-XXXXXX")
  server=
  trap stop EXIT
  password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  echo "$password" >"$folder/password"
  # A signal ends the command by itself where both got it; here it only has to lead to the trap above.
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  choose_owner
  start
  SCOPEGATE_TEST_POSTGRES=postgres://$user:$password@127.0.0.1:$port/postgres "$@"
}

# Distributions keep the programs of each version apart, and most of them out of PATH. The newest is taken.
find_programs() {
  local initdb
  initdb=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb | sort -V | tail -n 1)
  if ! [ -x "$initdb" ]; then initdb=$(type -P initdb) || return 1; fi
  dirname "$(realpath "$initdb")"
}

# PostgreSQL refuses to run as root. As whom else hardly matters: the folder is handed over.
choose_owner() {
  # Should this script be killed, the server ends too.
  as_owner=(setpriv --pdeathsig INT)
  if [ "$(id -u)" -ne 0 ]; then return; fi
  local owner=nobody
  if id postgres >/dev/null 2>&1; then owner=postgres; fi
  as_owner+=(--reuid "$owner" --regid "$(id -g "$owner")" --clear-groups)
  chown "$owner" "$folder" "$folder/password"
}

start() {
  # The superuser's name is ours, so that it does not depend on who runs the tests.
  "${as_owner[@]}" "$programs/initdb" --pgdata "$folder/data" --username "$user" --pwfile "$folder/password" \
    --auth scram-sha-256 --encoding UTF8 --locale C --no-sync >"$folder/log" 2>&1 || fail
  local attempt
  for attempt in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 12000))
    launch
    if answers; then return; fi
    # Most likely somebody else has this port.
    echo "attempt $attempt with port $port failed" >>"$folder/log"
  done
  fail
}

launch() {
  local settings=(fsync=off full_page_writes=off max_connections=200 listen_addresses=127.0.0.1 unix_socket_directories= "port=$port")
  "${as_owner[@]}" "$programs/postgres" -D "$folder/data" "${settings[@]/#/--}" >>"$folder/log" 2>&1 </dev/null &
  server=$!
}

answers() {
  local tenths
  for tenths in {1..300}; do
    if ! kill -0 "$server" 2>/dev/null; then return 1; fi
    # The first line of the file is the id of the server that wrote it, the eighth says that it is ready.
    if [ "$(sed -n '8s/ *$//p' "$folder/data/postmaster.pid" 2>/dev/null)" = ready ]; then return; fi
    sleep 0.1
  done
  echo "no answer within $((tenths / 10)) s" >>"$folder/log"
  return 1
}

fail() {
  echo "tests/postgres.sh: PostgreSQL did not start:" >&2
  cat "$folder/log" >&2
  exit 70
}

stop() {
  local code=$?
  if [ -n "$server" ]; then
    # SIGINT: ends the connections and stops.
    kill -INT "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$folder"
  exit $code
}

main "$@"
