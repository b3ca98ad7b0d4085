# shellcheck shell=bash
# ./souk verify WHAT: the proofs. compose: what the stack in containers claims; local/verify does it.
# kubernetes: what the store in a cluster claims; main/verify does it.

command_verify() {
  local what=${1:-}
  case $what in
    compose | kubernetes) ;;
    *) usage "verify compose|kubernetes [--list] [--only CLAIM]... [--keep] [--on FOLDER]" ;;
  esac
  shift
  cd "$CALLED_FROM" || exit
  [[ $what != compose ]] || exec "$ROOT/local/verify" "$@"
  exec "$ROOT/main/verify" "$what" "$@"
}
