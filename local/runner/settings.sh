# shellcheck shell=bash disable=SC2034 # the other parts read these variables
# Ports, addresses and the names of the programs.

# The programs of our own, each with its port's distance from the port base.
readonly SERVICES=(product-service cart-service order-service payment-service inventory-service mock-gateway)
declare -rA PORT_OFFSET=(
  [product-service]=1 [cart-service]=2 [order-service]=3 [payment-service]=4
  [inventory-service]=5 [mock-gateway]=6 [postgres]=54 [redis]=63 [gateway]=88 [prometheus]=90
)
# The services that have a database: the names of database and role, and of the variable that
# gives an address of one's own.
readonly DATABASES=(product order payment inventory mock_gateway)

# Sets PORT_BASE: from the environment, else as at the last `up` of this copy, else 8000.
load_settings() {
  local remembered=''
  [[ ! -r $STATE/port-base ]] || remembered=$(<"$STATE/port-base")
  PORT_BASE=${SOUK_PORT_BASE:-${remembered:-8000}}
  if [[ ! $PORT_BASE =~ ^[1-9][0-9]{3,4}$ ]] || ((PORT_BASE < 1024 || PORT_BASE > 65400)); then
    fail "SOUK_PORT_BASE must be a number from 1024 to 65400, not '$PORT_BASE'"
  fi
  INSTANCE=local
  ((PORT_BASE == 8000)) || INSTANCE=local$PORT_BASE
  LISTEN=${SOUK_LISTEN:-127.0.0.1}
  STORE_URL=http://127.0.0.1:$(port_of gateway)
  ORIGINS=${PUBLIC_ORIGINS:-http://127.0.0.1:$(port_of gateway),http://localhost:$(port_of gateway)}
}

remember_settings() {
  printf '%s\n' "$PORT_BASE" >"$STATE/port-base"
}

port_of() {
  echo $((PORT_BASE + PORT_OFFSET[$1]))
}

# The address of a database that the environment gives, or nothing.
given_database() {
  local name=DATABASE_URL_${1^^}
  echo "${!name:-}"
}

private_postgres() {
  local database
  for database in "${DATABASES[@]}"; do
    [[ -n $(given_database "$database") ]] || return 0
  done
  return 1
}

private_redis() {
  [[ -z ${REDIS_URL:-} ]]
}

# The programs that this copy runs, in the order of starting.
wanted_programs() {
  ! private_postgres || echo postgres
  ! private_redis || echo redis
  printf '%s\n' "${SERVICES[@]}" prometheus gateway log-keeper
}

# The process that listens on a port, as "name (pid)", or "another program" if it can't be seen;
# fails if nobody listens.
port_holder() {
  local hex inode link pid
  printf -v hex ':%04X' "$1"
  inode=$(awk -v port="$hex" '
    FNR > 1 && $4 == "0A" && substr($2, length($2) - 4) == port { print $10; exit }' \
    /proc/net/tcp /proc/net/tcp6 2>/dev/null)
  [[ -n $inode ]] || return 1
  for link in /proc/[0-9]*/fd/*; do
    if [[ $(readlink "$link" 2>/dev/null) == "socket:[$inode]" ]]; then
      pid=${link#/proc/}
      pid=${pid%%/*}
      echo "$(tr -d '\0' <"/proc/$pid/comm") (process $pid)"
      return 0
    fi
  done
  echo "another program"
}

# Refuses to start a program whose port is somebody else's.
check_port() {
  local holder
  if holder=$(port_holder "$(port_of "$1")"); then
    fail "port $(port_of "$1"), meant for $1, is used by $holder: end that, or choose other ports for this copy with SOUK_PORT_BASE (e.g. SOUK_PORT_BASE=$(((PORT_BASE + 1000) % 60000 < 1024 ? 9000 : (PORT_BASE + 1000) % 60000)) ./souk up)"
  fi
}
