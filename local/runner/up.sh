# shellcheck shell=bash
# ./souk up: from whatever there is to a store that answers. Each part does only what is missing,
# so that running it again, also after an `up` that was interrupted, is quick and loses nothing.

command_up() {
  (($# == 0)) || usage "up"
  make_state
  lock_state
  trim_log
  check_ports
  remember_settings
  # SOUK_AS_BUILT: only what the last `up` has installed is started again.
  if [[ -z ${SOUK_AS_BUILT:-} ]]; then
    install_packages "${PACKAGES[@]}"
    build_services
    build_pages
    install_programs
  fi
  make_secrets

  start_supervisor
  wake_own_processes
  begin_plan
  ! private_postgres || plan_postgres
  ! private_redis || plan_redis
  apply_plan
  if private_postgres; then
    wait_for_postgres
    provision_postgres
  fi
  finish_interrupted_restore

  begin_plan
  plan_services
  plan_prometheus
  plan_gateway
  apply_plan
  stop_unwanted_stores
  wait_for_store
  load_catalogue
  wait_for_products
  print_addresses
}

# Before the long steps: are the ports free, unless this copy's own programs have them?
check_ports() {
  local name
  if [[ -n $(own_processes) && $(cat "$STATE/port-base" 2>/dev/null) == "$PORT_BASE" ]]; then
    return 0
  fi
  while read -r name; do
    [[ -z ${PORT_OFFSET[$name]:-} ]] || check_port "$name"
  done < <(wanted_programs)
}

# Private stores that are no longer needed, since the environment gives others.
stop_unwanted_stores() {
  local name wanted
  wanted=$'\n'$(wanted_programs)$'\n'
  for name in postgres redis; do
    if [[ $wanted != *$'\n'"$name"$'\n'* && $'\n'$STATES == *$'\n'"$name RUNNING "* ]]; then
      # If it goes on running that harms nothing.
      _supervisorctl stop "$name" >>"$LOG" 2>&1 || true
    fi
  done
}

# Until every service is ready and says so through the gateway.
wait_for_store() {
  local began=$SECONDS unready name
  while :; do
    mapfile -t unready < <(unready_services)
    if ((${#unready[@]} == 0)); then
      [[ $(curl -sf --max-time 5 "$STORE_URL/api/system/health" | jq -r .status 2>/dev/null) != up ]] || return 0
      unready=(gateway)
    fi
    ((SECONDS - began < ${SOUK_START_SECONDS:-60})) || break
    sleep 0.2
  done
  for name in "${unready[@]}"; do
    printf '%s is not ready. The last lines of its log (%s):\n' "$name" "$STATE/logs/$name.log" >&9
    as_runner tail -n 8 "$STATE/logs/$name.log" 2>/dev/null | readable_log | sed 's/^/  | /' >&9
  done
  fail "not ready after $((SECONDS - began)) s: ${unready[*]}; ./souk status shows all, ./souk logs ${unready[0]} more"
}

wait_for_products() {
  local attempt
  for ((attempt = 0; attempt < 100; attempt++)); do
    ! curl -sf --max-time 5 "$STORE_URL/api/products?limit=1" | jq -e '.items' >/dev/null 2>&1 || return 0
    sleep 0.2
  done
  fail "the gateway does not answer $STORE_URL/api/products; see ./souk logs gateway and ./souk logs product-service"
}

print_addresses() {
  cat <<TEXT

The store is up.

  Store             $STORE_URL/
  API               $STORE_URL/api/products
  API documentation $STORE_URL/docs/
  Prometheus        http://127.0.0.1:$(port_of prometheus)/
  Administrator     admin / $(secret admin-password)

  ./souk status     what runs        ./souk logs     what it says
  ./souk audit      check the books  ./souk down     stop (nothing is lost)
TEXT
}
