# shellcheck shell=bash disable=SC2034,SC2154 # variables of lib.sh and local/verify
# Who can reach which database. Tried from each container's own place in the networks, with real
# credentials: what refuses is PostgreSQL or the network, not a setting that somebody has read.

# SERVICE: its role in PostgreSQL.
role_of() {
  local role=${1%-service}
  echo "${role//-/_}"
}

password_of() {
  value_of "POSTGRES_PASSWORD_${1^^}"
}

claim databases 240 "each role reaches its own database, and PostgreSQL refuses it any other"
claim_databases() {
  local name role told passwords=() refused=0 allowed=0
  for role in product order payment inventory mock_gateway; do passwords+=(-e "PASSWORD_$role=$(password_of "$role")"); done
  for name in product-service order-service payment-service inventory-service mock-gateway; do
    role=$(role_of "$name")
    told=$(at "$(container "$name")" "${passwords[@]}" -e "OWN=$role" <<'TEXT'
      # as ROLE at DATABASE
      try() {
        local password=PASSWORD_$1 said
        said=$(PGCONNECT_TIMEOUT=5 PGPASSWORD=${!password} psql -X -At -h postgres -U "$1" -d "$2" -c 'SELECT 1' 2>&1)
        # A refusal must be the server's own.
        case $said in
          1) echo "in $1 $2" ;;
          *FATAL:*'pg_hba.conf'* | *FATAL:*'permission denied for database'*) echo "refused $1 $2" ;;
          *) echo "odd $1 $2 $said" | tr '\n' ' ' && echo ;;
        esac
      }
      all="product order payment inventory mock_gateway"
      # With its own credentials, and with those that it might have stolen, wherever they lead.
      for role in $all; do
        for database in $all postgres template1; do
          [[ $role == "$database" && $role != "$OWN" ]] || [[ $role != "$OWN" && $database != "$OWN" ]] || try "$role" "$database"
        done
      done
TEXT
    )
    [[ $(grep -c '^in ' <<<"$told") == 1 && $told == *"in $role $role"* ]] || wrong "$name gets in at: $(grep '^in ' <<<"$told" | tr '\n' ',')"
    [[ $told != *odd* ]] || wrong "$name: $(grep '^odd ' <<<"$told" | head -n 2)"
    refused=$((refused + $(grep -c '^refused ' <<<"$told")))
    allowed=$((allowed + $(grep -c '^in ' <<<"$told")))
  done
  # The administrator, with the right password, over the network.
  told=$(at "$(container order-service)" -e "PGPASSWORD=$(value_of POSTGRES_PASSWORD)" <<'TEXT'
    for user in postgres administrator; do
      PGCONNECT_TIMEOUT=5 psql -X -At -h postgres -U $user -d postgres -c 'SELECT 1' 2>&1 | grep -q 'FATAL:.*pg_hba.conf' || echo "$user"
    done
TEXT
  )
  [[ -z $told ]] || wrong "over the network, PostgreSQL does not refuse $told"
  # Behind pg_hba.conf, the second wall: the right to connect, as PostgreSQL's own tables have it.
  told=$(sql "SELECT count(*) FROM pg_roles r, pg_database d WHERE r.rolname IN ('product','order','payment','inventory','mock_gateway')
    AND r.rolname <> d.datname AND d.datallowconn AND has_database_privilege(r.oid, d.oid, 'CONNECT')")
  [[ $told == 0 ]] || wrong "without pg_hba.conf, $told more pairs of role and database could connect"
  saw "$allowed of $((allowed + refused)) attempts got in, each service at its own; the administrator is refused over the network; no role has CONNECT elsewhere"
}

# SQL: as the administrator, beside PostgreSQL.
sql() {
  docker exec "$(container postgres)" psql -X -At -U postgres -d postgres -c "$1"
}

claim networks 180 "PostgreSQL can be reached only by who has a database, Redis only by cart-service"
claim_networks() {
  local name postgres redis told seen_postgres='' seen_redis='' password
  postgres=$(address_in "$(container postgres)" postgres)
  redis=$(address_in "$(container redis)" redis)
  for name in "${PROGRAMS[@]}" gateway; do
    # By address: that a name is unknown would prove nothing.
    told=$(at "$(container "$name")" <<TEXT
      timeout 2 bash -c 'exec 3<>/dev/tcp/$postgres/5432' 2>/dev/null && echo postgres
      timeout 2 bash -c 'exec 3<>/dev/tcp/$redis/6379' 2>/dev/null && echo redis
      true
TEXT
    )
    [[ $told != *postgres* ]] || seen_postgres+=" $name"
    [[ $told != *redis* ]] || seen_redis+=" $name"
  done
  [[ $seen_redis == ' cart-service' ]] || wrong "Redis is reached by$seen_redis"
  [[ $seen_postgres == ' product-service order-service payment-service inventory-service mock-gateway' ]] || wrong "PostgreSQL is reached by$seen_postgres"
  password=$(value_of REDIS_PASSWORD)
  told=$(at "$(container cart-service)" <<TEXT
    exec 3<>/dev/tcp/$redis/6379
    printf 'PING\r\n' >&3 && read -r -t 3 one <&3
    printf 'AUTH $password\r\n' >&3 && read -r -t 3 two <&3
    echo "\$one/\$two" | tr -d '\r'
TEXT
  )
  [[ $told == '-NOAUTH'*/+OK ]] || wrong "Redis answers cart-service without and with its password: $told"
  saw "of 7 containers Redis lets in cart-service alone (not without its password), PostgreSQL 5"
}
