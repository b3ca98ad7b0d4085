# shellcheck shell=bash
# ./souk verify compose: the proof of what the stack in containers claims; local/verify does it.

command_verify() {
  local what=${1:-}
  [[ $what == compose ]] || usage "verify compose [--list] [--only CLAIM]... [--keep] [--as-built]"
  shift
  cd "$CALLED_FROM" || exit
  exec "$ROOT/local/verify" "$@"
}
