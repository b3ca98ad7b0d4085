# shellcheck shell=bash
# Commands that act as the store's administrator, through the gateway: import and audit; and those
# that only pass on: test and bench.

# Signs in and prints the token.
_administrator() {
  local answer
  answer=$(secret admin-password | jq -R '{username: "admin", password: .}' |
    curl -s --max-time 20 -H 'Content-Type: application/json' --data-binary @- "$STORE_URL/api/session/admin") ||
    fail "the store does not answer at $STORE_URL; ./souk status shows what runs"
  jq -er .token <<<"$answer" 2>/dev/null ||
    fail "the administrator cannot sign in: $(jq -r '.detail // .title // .' <<<"$answer" 2>/dev/null || echo "$answer")"
}

# TOKEN CURL-ARGUMENT...: a request as administrator. The token is not shown in the list of processes.
_as_administrator() {
  curl -H @- "${@:2}" <<<"Authorization: Bearer $1"
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
  local file=$1 query=$2 token answer status progress=(-s) began=$SECONDS
  [[ ! -t 2 ]] || progress=(--progress-bar)
  token=$(_administrator)
  answer=$(mktemp)
  # shellcheck disable=SC2064 # this file
  trap "rm -f '$answer'" EXIT
  status=$(_as_administrator "$token" "${progress[@]}" -S -X POST -H 'Content-Type: application/x-ndjson' -H 'Expect:' \
    -T "$file" -o "$answer" -w '%{http_code}' "$STORE_URL/api/products/import$query") ||
    fail "the import broke off (the lines before that are in the store; importing again is safe); ./souk logs product"
  if [[ $status != 2* ]]; then
    fail "the import was refused ($status): $(jq -r '.detail // .title // .' "$answer" 2>/dev/null | head -c 500)"
  fi
  _import_summary <"$answer"
  say "$(wc -l <"$file") lines in $((SECONDS - began)) s"
  _import_complete <"$answer" || exit 1
}

# The counts, then the lines that were refused.
_import_summary() {
  jq -r '
    (to_entries | map(select(.value | type == "number") | "\(.value) \(.key | gsub("_"; " "))") | join(", ")),
    (.errors // [] | .[] | "line \(.line): \(.detail // (.errors // [] | map("\(.pointer // .parameter // "") \(.detail)") | join("; ")))")'
}

_import_complete() {
  jq -e '(.failed // .errors_count // (.errors // [] | length)) == 0' >/dev/null
}

command_audit() {
  local token answer
  (($# == 0)) || usage "audit"
  open_state
  need_command jq
  token=$(_administrator)
  answer=$(_as_administrator "$token" -s --max-time 600 "$STORE_URL/api/audit") || fail "the store does not answer at $STORE_URL; ./souk status shows what runs"
  if ! jq -e 'has("balanced")' <<<"$answer" >/dev/null 2>&1; then
    fail "the audit could not be made: $(jq -r '.detail // .title // .' <<<"$answer" 2>/dev/null || echo "$answer")"
  fi
  jq -r '
    (if .balanced then "The books balance" else "THE BOOKS DO NOT BALANCE" end)
      + ": \(.checked_orders) orders checked, \(.in_flight) in flight, \(.violations | length) violations",
    (.violations[] | "  order \(.order_id // "none"): \(.rule): \(.detail)")' <<<"$answer"
  jq -e '.balanced == true and (.violations | length) == 0' <<<"$answer" >/dev/null || exit 1
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
