# shellcheck shell=bash
# The private PostgreSQL and Redis of this copy.

_postgres_bin() {
  local folder
  for folder in /usr/lib/postgresql/15/bin $(pg_config --bindir 2>/dev/null); do
    [[ ! -x $folder/initdb ]] || { echo "$folder" && return 0; }
  done
  fail "PostgreSQL 15's programs are missing; install the package postgresql-15"
}

# As superuser, through the socket, which knows the runner by its user: needs no password.
_psql() {
  as_runner env PGCONNECT_TIMEOUT=5 psql -X -q -v ON_ERROR_STOP=1 \
    -h "$SOCKETS" -p "$(port_of postgres)" -U postgres "$@"
}

# Beside the data, then moved: a folder that exists is complete.
_init_postgres() {
  as_runner rm -rf "$STATE/data/postgres.new"
  as_runner "$(_postgres_bin)/initdb" -D "$STATE/data/postgres.new" -U postgres \
    --pwfile="$STATE/secrets/postgres-superuser" --auth=scram-sha-256 \
    --encoding=UTF8 --locale=C.UTF-8 --data-checksums
  as_runner mv "$STATE/data/postgres.new" "$STATE/data/postgres"
}

_postgres_access() {
  local database
  echo "# Each role reaches its own database and no other; what is not listed is refused."
  echo "local all      postgres peer map=runner"
  echo "host  all      postgres 127.0.0.1/32 scram-sha-256"
  for database in "${DATABASES[@]}"; do
    echo "local $database $database scram-sha-256"
    echo "host  $database $database 127.0.0.1/32 scram-sha-256"
  done
}

plan_postgres() {
  local access
  as_runner test -e "$STATE/data/postgres/PG_VERSION" ||
    EXPLAIN=explain_common step "Making the databases' folder" no_progress _init_postgres
  {
    fill_template "$ROOT/local/postgres/postgresql.conf.template" \
      "PORT=$(port_of postgres)" "FOLDER=$STATE" "SOCKET=$SOCKETS"
    cat "$ROOT/local/postgres/settings.conf"
  } |
    put "$STATE/etc/postgres.conf" 600
  printf 'runner %s postgres\n' "${RUN_AS:-$(id -un)}" | put "$STATE/etc/pg_ident.conf" 600
  access=$(_postgres_access)
  if put_changed "$STATE/etc/pg_hba.conf" 600 <<<"$access"; then
    # One that does not run reads it when it starts.
    _supervisorctl signal HUP postgres >>"$LOG" 2>&1 || true
  fi
  plan_program postgres "exec $(_postgres_bin)/postgres -D $(shell_word "$STATE/data/postgres") \
    -c config_file=$(shell_word "$STATE/etc/postgres.conf")"
}

wait_for_postgres() {
  local began=$SECONDS
  # After a crash it first replays its log, which may take a while.
  while ((SECONDS - began < 120)); do
    ! _psql -d postgres -c 'SELECT 1' >/dev/null 2>&1 || return 0
    sleep 0.1
  done
  as_runner tail -n 5 "$STATE/logs/postgres.log" >&9 || true
  fail "PostgreSQL does not answer; its log is $STATE/logs/postgres.log"
}

# Roles and databases, made or corrected. Passwords pass through psql's standard input only.
provision_postgres() {
  local database
  {
    printf "ALTER ROLE postgres PASSWORD '%s';\n" "$(secret postgres-superuser)"
    for database in "${DATABASES[@]}"; do
      printf "\\set name %s\n\\set secret '%s'\n" "$database" "$(secret "postgres-$database")"
      cat "$ROOT/local/postgres/database.sql"
    done
    for database in "${DATABASES[@]}"; do
      printf '\\connect %s\n' "$database"
      echo 'CREATE EXTENSION IF NOT EXISTS pg_stat_statements;'
      [[ $database != product ]] || echo 'CREATE EXTENSION IF NOT EXISTS pg_trgm;'
    done
  } | _psql -d postgres >>"$LOG" 2>&1 ||
    fail "cannot set up the databases; see $LOG"
}

# NAME [SERVICE]: the address of a database, private or given, as that service finds it.
database_url() {
  local given
  given=$(given_database "$1")
  echo "${given:-postgresql://$1:$(secret "postgres-$1")@127.0.0.1:$(port_for "${2:-}" postgres)/$1}"
}

plan_redis() {
  as_runner mkdir -p "$STATE/data/redis"
  {
    fill_template "$ROOT/local/redis/redis.conf.template" \
      "PORT=$(port_of redis)" "FOLDER=$STATE" "PASSWORD=$(secret redis)"
    cat "$ROOT/local/redis/settings.conf"
  } |
    put "$STATE/etc/redis.conf" 600
  plan_program redis "exec redis-server $(shell_word "$STATE/etc/redis.conf")"
}

# [SERVICE]
redis_url() {
  echo "${REDIS_URL:-redis://:$(secret redis)@127.0.0.1:$(port_for "${1:-}" redis)/0}"
}
