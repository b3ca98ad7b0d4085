#!/bin/bash
# Makes the service's role and database, or brings them in line with the mounted Secret. Runs when
# the volume is new, and by hand after a password was changed:
#
#   kubectl -n souk-data exec order-db-0 -- /souk/postgres/roles.sh
#
# Beside PostgreSQL, as its administrator through the socket; passwords go through psql's standard
# input only.
set -euo pipefail

for name in password administrator-password monitor-password; do
  [[ $(cat "/souk/passwords/$name") =~ ^[A-Za-z0-9._~-]{8,}$ ]] || {
    echo "roles: $name must have 8 or more of A-Z a-z 0-9 . _ ~ - (it becomes part of an address); nothing was changed" >&2
    exit 1
  }
done

{
  printf "\\set secret '%s'\n" "$(cat /souk/passwords/administrator-password)"
  cat <<'SQL'
SELECT 'CREATE ROLE administrator'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'administrator') \gexec
ALTER ROLE administrator LOGIN SUPERUSER CONNECTION LIMIT 10 PASSWORD :'secret';
SQL
  printf "\\set name %s\n\\set secret '%s'\n" "$SERVICE" "$(cat /souk/passwords/password)"
  cat /souk/shared/database.sql
  # There is one database on this server, so it may have most of max_connections (200): seven replicas
  # of product-service take 98 at most (main/README.md, "Database connections").
  echo 'ALTER ROLE :"name" CONNECTION LIMIT 150;'
  printf "\\set secret '%s'\n" "$(cat /souk/passwords/monitor-password)"
  cat /souk/shared/monitor.sql
  printf '\\connect %s\n' "$SERVICE"
  echo 'CREATE EXTENSION IF NOT EXISTS pg_stat_statements;'
  [[ $SERVICE != product ]] || echo 'CREATE EXTENSION IF NOT EXISTS pg_trgm;'
} | psql -X -q -v ON_ERROR_STOP=1 -U postgres -d postgres
echo "roles: the database $SERVICE and its roles are as they should be"
