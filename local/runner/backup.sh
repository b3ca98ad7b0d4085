# shellcheck shell=bash
# ./souk backup: the whole store, of one moment, in one file, while it sells. docs/backup.md says
# how; the work is done by the program souk-backup (app/backup).

# SERVICE VARIABLE: what a service was last started with, which may not be what this command's
# environment says. Nothing if it was not told.
_started_with() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  as_runner sh -c 'unset "$2"; eval "$(grep "^export $2=" "$1" 2>/dev/null)"; eval "printf %s \"\${$2:-}\""' \
    sh "$STATE/etc/$1.run" "$2"
}

# The superuser's address of the private PostgreSQL; nothing for a database of one's own.
_administrators_database() {
  [[ $2 == "postgresql://$1:$(secret "postgres-$1")@127.0.0.1:"* ]] || return 0
  printf 'postgresql:///postgres?user=postgres&port=%s&host=%s' "$(port_of postgres)" \
    "$(jq -rn --arg folder "$SOCKETS" '$folder | @uri')"
}

# The program, with this store's addresses. They pass through the environment: nobody else sees it.
_backup_program() {
  (
    local database url admin
    PATH=$(_postgres_bin):$PATH
    for database in product order payment inventory; do
      url=$(_started_with "$database-service" DATABASE_URL)
      admin=$(_administrators_database "$database" "$url")
      export "DATABASE_URL_${database^^}=$url"
      [[ -z $admin ]] || export "DATABASE_ADMIN_URL_${database^^}=$admin"
    done
    REDIS_URL=$(_started_with cart-service REDIS_URL)
    CURRENCY=$(_started_with order-service CURRENCY)
    PAYMENT_GATEWAY_URL=$(_started_with payment-service PAYMENT_GATEWAY_URL)
    PAYMENT_GATEWAY_KEY=$(_started_with payment-service PAYMENT_GATEWAY_KEY)
    export PATH REDIS_URL CURRENCY PAYMENT_GATEWAY_URL PAYMENT_GATEWAY_KEY
    as_runner "$STATE/bin/souk-backup" "$@"
  )
}

_need_running_store() {
  if ! supervisor_runs || ! as_runner test -x "$STATE/bin/souk-backup"; then
    fail "the store is down; start it with ./souk up, then $1"
  fi
}

command_backup() {
  local file=${1:-} work
  [[ $# -eq 1 && $file != -* && -n $file ]] || usage "backup FILE"
  [[ $file == /* ]] || file=$CALLED_FROM/$file
  [[ ! -d $file ]] || fail "$file is a folder; name a file in it"
  [[ -d ${file%/*}/ && -w ${file%/*}/ ]] || fail "you cannot write to the folder ${file%/*}/"
  open_state
  lock_state
  need_command jq
  _need_running_store "back it up"
  trim_log
  work=$STATE/data/backup
  as_runner rm -rf "$work"
  as_runner mkdir -m 700 "$work"
  step "Backing up" no_progress _backup_program save "$work"
  # shellcheck disable=SC2064 # these paths
  trap "rm -f '${file//"'"/"'\\''"}.part'; as_runner rm -rf '$work'" EXIT
  _pack "$work" "$file.part" || fail "$file.part could not be written; is the disk full? (df -h ${file%/*}/)"
  mv -f "$file.part" "$file"
  sync "${file%/*}/" || true
  as_runner cat "$work/manifest.json" | jq -r --arg file "$file" --arg bytes "$(stat -c %s "$file")" '
    "\($file): \($bytes | tonumber / 1e6 * 10 | ceil / 10) MB, the store as it was at \(.taken_at)",
    "\(.databases.order.rows.orders) orders, \(.databases.product.rows.products) products, \(.carts.carts) carts; orders stood still for \(.pause_ms) ms"'
  say "Not in it: the passwords and keys of $STATE/secrets (keep a copy elsewhere), and what the payment company knows."
}

# The manifest stands first, so that it can be read without the rest. Only its owner may read the
# file: addresses of shoppers are in it.
_pack() {
  (
    umask 077
    rm -f "$2"
    as_runner tar -C "$1" -cf - manifest.json carts.jsonl product.dump order.dump payment.dump inventory.dump |
      gzip -1 >"$2"
    sync "$2"
  )
}
