#!/bin/bash
# Makes the roles and databases, or brings them in line with the environment, each time the stack
# comes up: a volume never has other passwords than .env. Runs beside PostgreSQL, as its
# administrator through the socket; passwords go through psql's standard input only.
set -euo pipefail

psql() {
  command psql -X -q -v ON_ERROR_STOP=1 -U postgres -d postgres
}

# A password becomes a word of psql's; what make-env writes is letters and digits.
for name in POSTGRES_PASSWORD POSTGRES_PASSWORD_PRODUCT POSTGRES_PASSWORD_ORDER \
  POSTGRES_PASSWORD_PAYMENT POSTGRES_PASSWORD_INVENTORY POSTGRES_PASSWORD_MOCK_GATEWAY \
  POSTGRES_PASSWORD_MONITOR; do
  [[ ${!name:-} =~ ^[A-Za-z0-9._~-]{8,}$ ]] || {
    echo "databases: $name must have 8 or more of A-Z a-z 0-9 . _ ~ - (it becomes part of an address); nothing was changed" >&2
    exit 1
  }
done

{
  printf "\\set secret '%s'\n" "$POSTGRES_PASSWORD"
  cat /souk/compose/administrator.sql
  for database in product order payment inventory mock_gateway; do
    secret=POSTGRES_PASSWORD_${database^^}
    printf "\\set name %s\n\\set secret '%s'\n" "$database" "${!secret}"
    cat /souk/postgres/database.sql
  done
  printf "\\set secret '%s'\n" "$POSTGRES_PASSWORD_MONITOR"
  cat /souk/postgres/monitor.sql
  for database in product order payment inventory mock_gateway; do
    printf '\\connect %s\n' "$database"
    echo 'CREATE EXTENSION IF NOT EXISTS pg_stat_statements;'
    [[ $database != product ]] || echo 'CREATE EXTENSION IF NOT EXISTS pg_trgm;'
  done
} | psql
echo "databases: roles and databases are as they should be"
