# shellcheck shell=bash
# ./souk chaos: hurts the store while shoppers buy there, and judges it. ./souk shoppers: only the
# shoppers. Their programs are built beside the services, but not by ./souk up.

_chaos_usage() {
  usage "chaos [--seed N] [--minutes M] [--shoppers N] [--dry-run] | chaos --all-crash-points"
}

command_chaos() {
  local options=("$@") seed='' dry_run='' all_points='' folder status=0
  while (($# > 0)); do
    case $1 in
      --seed | --minutes | --shoppers)
        [[ ${2:-} =~ ^[0-9]+(\.[0-9]+)?$ ]] || _chaos_usage
        [[ $1 != --seed ]] || seed=$2
        shift
        ;;
      --dry-run) dry_run=yes ;;
      --all-crash-points) all_points=yes ;;
      *) _chaos_usage ;;
    esac
    shift
  done
  if [[ -n $all_points ]]; then
    ((${#options[@]} == 1)) || _chaos_usage
    _all_crash_points
  fi
  # So that it can be told afterwards, and repeated.
  [[ -n $seed ]] || { seed=$((RANDOM * 32768 + RANDOM)) && options+=(--seed "$seed"); }

  make_state
  if ! private_postgres || ! private_redis; then
    fail "chaos kills the databases, and hurts only private ones: run it without DATABASE_URL_... and REDIS_URL"
  fi
  # Its own lock, since it runs ./souk up and ./souk down itself.
  mkdir -p "$STATE/chaos/bin"
  exec 8>>"$STATE/chaos/lock"
  flock -n 8 || fail "another ./souk chaos is at work on this copy; wait for it to end"
  install_packages "${PACKAGES[@]}"
  _build_load souk-shoppers souk-verdict souk-chaos
  options+=(--state "$STATE" --souk "$ROOT/souk" --programs "$STATE/chaos/bin" --ports "$(_ports)"
    --edges "shoppers>gateway ${EDGES[*]}")
  if [[ -n $dry_run ]]; then
    say "Seed $seed:"
    exec "$STATE/chaos/bin/souk-chaos" "${options[@]}"
  fi

  folder=$STATE/chaos/$(date -u +%Y%m%dT%H%M%SZ)-seed-$seed
  mkdir -m 700 "$folder"
  say "This hurts the store at $STORE_URL: its programs will be killed and stopped, its connections cut."
  say "Simulated shoppers will place orders in it, which stay. Seed $seed; records: $folder"
  # As a child, so that there is somebody left to mend the store whatever becomes of it. ^C reaches
  # it by itself; what is sent to this process is passed on.
  "$STATE/chaos/bin/souk-chaos" "${options[@]}" --folder "$folder" 8>&- &
  _wait_for_chaos $! || status=$?
  ((status < 128 || status == 130 || status == 143 || status == 129)) || _mend_after_crash "$status"
  exit "$status"
}

_wait_for_chaos() {
  local child=$1 status=0
  trap : INT
  # shellcheck disable=SC2064 # this child
  trap "kill -TERM $child 2>/dev/null || true" TERM HUP
  # A signal ends the wait, but not the child.
  while :; do
    status=0
    { wait "$child" || status=$?; } 2>/dev/null
    kill -0 "$child" 2>/dev/null || break
  done
  trap - INT TERM HUP
  return "$status"
}

# souk-chaos itself was killed or has crashed: the store still points at its proxies.
_mend_after_crash() {
  warn "souk-chaos died (status $1); mending the store"
  env -u SOUK_VIA SOUK_AS_BUILT=yes "$ROOT/souk" up >/dev/null ||
    fail "the store could not be mended; ./souk up does that when the reason is gone"
  # How the mock gateway behaved before.
  if [[ -s $STATE/chaos/behaviour.json ]]; then
    _as_administrator "$(_administrator)" -sf --max-time 20 -o /dev/null -X PUT -H 'Content-Type: application/json' \
      --data-binary "@$STATE/chaos/behaviour.json" "$STORE_URL/api/payments/gateway" ||
      fail "the store runs, but the mock gateway is still set to misbehave; the next ./souk chaos puts that right"
    rm -f "$STATE/chaos/behaviour.json"
  fi
  warn "the store is mended; there is no verdict on this run"
}

_ports() {
  local name list=''
  for name in "${!PORT_OFFSET[@]}"; do
    list+=" $name=$(port_of "$name")"
  done
  echo "${list# }"
}

_compile_load() {
  cd "$ROOT" || exit
  export HOME=${HOME:-/root}
  grep -qsx 'SOUK_CHAOS:BOOL=ON' build/release/CMakeCache.txt || cmake --preset release -DSOUK_CHAOS=ON
  NINJA_STATUS='[%f/%t] ' ninja -C build/release -j "$(_build_jobs)" "$@"
}

# PROGRAM...: builds them and copies them, so that a later build does not disturb those that run.
_build_load() {
  local program
  [[ -w $ROOT && (! -e $ROOT/build || -w $ROOT/build) ]] ||
    fail "cannot write to $ROOT/build; an earlier build by another user left it: remove it, or run ./souk as that user"
  _lock_build
  EXPLAIN=explain_common step "Building shoppers and their tools" _build_progress _compile_load "$@"
  for program in "$@"; do
    cp "$ROOT/build/release/bin/$program" "$STATE/chaos/bin/$program.new"
    mv -f "$STATE/chaos/bin/$program.new" "$STATE/chaos/bin/$program"
  done
  _unlock_build
}

command_shoppers() {
  local defaults=()
  open_state
  mkdir -p "$STATE/chaos/bin"
  install_packages "${PACKAGES[@]}"
  _build_load souk-shoppers
  # What is given is not given twice.
  [[ "$* " == *--store[\ =]* ]] || defaults+=(--store "$STORE_URL")
  [[ "$* " == *--journal[\ =]* || "$* " == *--no-journal* ]] ||
    defaults+=(--journal "$STATE/chaos/shoppers-$(date -u +%Y%m%dT%H%M%SZ).jsonl")
  [[ "$* " == *--admin-password-file[\ =]* ]] ||
    defaults+=(--admin-password-file "$STATE/secrets/admin-password")
  cd "$CALLED_FROM" || exit
  exec "$STATE/chaos/bin/souk-shoppers" "${defaults[@]}" "$@"
}

_compile_crash_points() {
  cd "$ROOT" || exit
  export HOME=${HOME:-/root}
  cmake --preset dev
  NINJA_STATUS='[%f/%t] ' ninja -C build/dev -j "$(_build_jobs)" souk-crash-points
}

# The whole matrix, with servers of its own; the store is not touched.
_all_crash_points() {
  make_state
  install_packages "${PACKAGES[@]}" "${TEST_PACKAGES[@]}"
  EXPLAIN=explain_common step "Building the crash points" _build_progress _compile_crash_points
  exec "$ROOT/build/dev/bin/souk-crash-points" --all
}
