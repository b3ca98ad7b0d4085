# shellcheck shell=bash disable=SC2153 # variables of other parts
# ./souk status: a line for each program. Exit status 0 if all run and are ready, else 3.

command_status() {
  local name state pid port uptime ready all=0 states
  (($# == 0)) || usage "status"
  open_state
  if ! supervisor_runs; then
    say "The store is down; ./souk up starts it."
    exit 3
  fi
  # Its exit status is 3 when a program does not run: that is shown below.
  states=$(_supervisorctl status 2>/dev/null || true)
  printf '%-18s %-9s %8s %14s %6s  %s\n' PROGRAM STATE PID UPTIME PORT READY
  for name in postgres redis "${SERVICES[@]}" prometheus gateway log-keeper; do
    state=$(awk -v name="$name" '$1 == name { print $2 }' <<<"$states")
    pid=$(awk -v name="$name" '$1 == name && $3 == "pid" { print $4 + 0 }' <<<"$states")
    uptime=$(sed -n "s/^$name .* uptime //p" <<<"$states")
    port=
    [[ -z ${PORT_OFFSET[$name]:-} ]] || port=$(port_of "$name")
    if [[ $state != RUNNING ]]; then
      # A private store that is not needed does not run, and that is right.
      [[ $name == postgres || $name == redis ]] && [[ ! -e $STATE/etc/$name.runs ]] && continue
      ready=no
    else
      ready=$(_readiness "$name")
    fi
    [[ $ready != no ]] || all=3
    printf '%-18s %-9s %8s %14s %6s  %s\n' "$name" "${state,,}" "${pid:--}" "${uptime:--}" "${port:--}" "$ready"
  done
  say ""
  say "Store $STORE_URL/   API documentation $STORE_URL/docs/   Prometheus http://127.0.0.1:$(port_of prometheus)/"
  say "More: supervisorctl -c $STATE/etc/supervisord.conf status"
  exit "$all"
}

_readiness() {
  local port
  case $1 in
    postgres) ! _psql -d postgres -c 'SELECT 1' >/dev/null 2>&1 || { echo yes && return; } ;;
    redis) [[ $(REDISCLI_AUTH=$(secret redis) redis-cli -p "$(port_of redis)" ping 2>/dev/null) != PONG ]] || { echo yes && return; } ;;
    prometheus) ! curl -sf --max-time 2 -o /dev/null "http://127.0.0.1:$(port_of prometheus)/-/ready" || { echo yes && return; } ;;
    gateway) ! curl -sf --max-time 5 -o /dev/null "$STORE_URL/" || { echo yes && return; } ;;
    log-keeper) echo - && return ;;
    *) ! service_is_ready "$1" || { echo yes && return; } ;;
  esac
  echo no
}
