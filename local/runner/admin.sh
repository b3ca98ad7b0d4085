# shellcheck shell=bash
# Commands that act as the store's administrator, through the gateway: import and audit; and those
# that only pass on: test and bench.

# How to find out more; said by the part below, which the image souk/tools has, too.
# shellcheck disable=SC2034
readonly STORE_HINT='; ./souk status shows what runs'
# shellcheck source=app/tools/store.sh
source "$ROOT/app/tools/store.sh"

# Signs in and prints the token.
_administrator() {
  secret admin-password | administrators_token "$STORE_URL/api/session/admin"
}

# TOKEN CURL-ARGUMENT...: a request as administrator.
_as_administrator() {
  as_administrator "$@"
}

command_import() {
  local file='' query=''
  while (($# > 0)); do
    case $1 in
      --stock) [[ ${2:-} == set ]] || usage "import FILE [--stock set]"; query='?stock=set' && shift ;;
      --stock=set) query='?stock=set' ;;
      -*) usage "import FILE [--stock set]" ;;
      *) [[ -z $file ]] || usage "import FILE [--stock set]"; file=$1 ;;
    esac
    shift
  done
  [[ -n $file ]] || usage "import FILE [--stock set]"
  [[ $file == /* ]] || file=$CALLED_FROM/$file
  [[ -f $file && -r $file ]] || fail "there is no file $file, or you may not read it"
  open_state
  need_command jq
  import_file "$file" "$query"
}

# Sends the file as it is read, and shows what became of it. Fails if lines were refused.
import_file() {
  local token
  token=$(_administrator)
  import_products "$token" "$STORE_URL/api/products/import$2" "$1" || exit 1
}

command_audit() {
  local token
  (($# == 0)) || usage "audit"
  open_state
  need_command jq
  token=$(_administrator)
  show_audit "$token" "$STORE_URL/api/audit" || exit 1
}

command_test() {
  make_state
  install_packages "${PACKAGES[@]}" "${TEST_PACKAGES[@]}"
  fetch_npm_packages
  cd "$CALLED_FROM" || exit
  exec "$ROOT/tests/run" "$@"
}

command_bench() {
  make_state
  install_packages "${PACKAGES[@]}" "${BENCH_PACKAGES[@]}"
  cd "$CALLED_FROM" || exit
  exec "$ROOT/tests/bench/run" "$@"
}
