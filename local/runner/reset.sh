# shellcheck shell=bash
# ./souk reset: as if the store had never been started. Asks first.

command_reset() {
  local answer='' yes='' folder
  case ${1:-} in
    '') ;;
    -y | --yes) yes=yes ;;
    *) usage "reset [--yes]" ;;
  esac
  if ! state_exists; then
    say "Nothing has been started here."
    return 0
  fi
  open_state
  if [[ -z $yes ]]; then
    [[ -t 0 ]] || fail "reset deletes all orders, carts, products and passwords of this copy; say ./souk reset --yes if you mean it"
    printf 'This deletes all orders, carts, products, logs and passwords in %s\nType "yes" to go on: ' "$STATE"
    read -r answer
    [[ $answer == yes ]] || fail "nothing was deleted"
  fi
  lock_state
  stop_everything
  # As the runner what is inside, as ourselves the folders, which may lie in one of root's.
  for folder in data logs run secrets etc bin www chaos; do
    # It may not remove the folder itself; the second one does, and says what it cannot.
    as_runner rm -rf "${STATE:?}/$folder" 2>/dev/null || true
    rm -rf "${STATE:?}/$folder"
  done
  [[ $SOCKETS == "$STATE/run" ]] || as_runner rm -rf "$SOCKETS"
  say "All data of this copy is deleted. ./souk up begins anew. (Databases given by DATABASE_URL_... or REDIS_URL are untouched.)"
}
