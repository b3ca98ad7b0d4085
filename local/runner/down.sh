# shellcheck shell=bash
# ./souk down: ends everything that runs for this copy; the data stays.

command_down() {
  (($# == 0)) || usage "down"
  if ! state_exists; then
    say "Nothing has been started here."
    return 0
  fi
  open_state
  lock_state
  stop_everything
  say "Everything has stopped; the data is kept. ./souk up starts it again."
}

# The gateway first, so that nobody is half served; then the services, then what they stand on.
stop_everything() {
  local running name group
  if supervisor_runs; then
    running=$(program_states | awk '$2 != "STOPPED" { print $1 }')
    for group in "gateway log-keeper" "${SERVICES[*]}" "prometheus redis postgres"; do
      local -a names=()
      for name in $group; do
        ! grep -qx "$name" <<<"$running" || names+=("$name")
      done
      ((${#names[@]} == 0)) || _stop_together "${names[@]}"
    done
    # Whether it worked is seen by what still runs.
    _supervisorctl shutdown >>"$LOG" 2>&1 || true
    local attempt
    for ((attempt = 0; attempt < 100; attempt++)); do
      [[ -n $(own_processes) ]] || return 0
      sleep 0.1
    done
  fi
  stop_own_processes
}

# supervisorctl stops one after the other; asking once for each lets them drain side by side.
_stop_together() {
  local name waiting=()
  for name in "$@"; do
    _supervisorctl stop "$name" >>"$LOG" 2>&1 8>&- &
    waiting+=($!)
  done
  # What could not be stopped is ended by stop_own_processes.
  wait "${waiting[@]}" || true
}
