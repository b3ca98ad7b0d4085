# shellcheck shell=bash disable=SC2034,SC2154 # variables of those who source this
# What local/verify and main/verify have in common: claims, their limits and their report, and a
# shopper's and an administrator's requests. Needs bash 5, jq, timeout and, where the requests are
# made, curl.
#
# A claim is a function that says what it saw (`saw`), what is not as claimed (`wrong`, and goes on;
# `stop`, and ends), or why it cannot be judged here (`skip`). It runs in a process of its own, so
# that `timeout` can end it with all that it has begun: who sources this answers `--claim NAME` with
# run_claim NAME.
#
# Who sources this sets WORK (a folder that stays for the whole run), and defines
#   before_claim       reads what a claim's own process needs to know
#   after_claim        removes what an ended claim has left
#   in_store COMMAND   runs curl where STORE can be reached
#   admin_password     prints it

names=()
declare -A limit_of=() text_of=()
passed=0 failed=0 skipped=0 running='' report=()

# claim NAME SECONDS TEXT: announces the function claim_NAME (with _ for -).
claim() {
  names+=("$1")
  limit_of[$1]=$2
  text_of[$1]=$3
}

list_claims() {
  local name
  for name in "${names[@]}"; do printf '%-16s %4s s  %s\n' "$name" "${limit_of[$name]}" "${text_of[$name]}"; done
}

saw() { printf '%s\n' "$*" >>"$WORK/saw"; }
wrong() { printf '%s\n' "$*" >>"$WORK/wrong"; }
stop() {
  wrong "$@"
  exit 1
}
skip() {
  printf '%s\n' "$*" >"$WORK/saw"
  exit 77
}

run_claim() {
  before_claim
  set -E
  trap 'status=$?; printf "failed: %s (line %s of %s)\n" "$BASH_COMMAND" "$LINENO" "${BASH_SOURCE[0]##*/}" >&2; exit $status' ERR
  "claim_${1//-/_}"
}

# one NAME COMMAND...: runs a claim by COMMAND within its time, prints its line and counts it.
one() {
  local name=$1 status=0 from=$SECONDS text='' what
  shift
  rm -f "$WORK/saw" "$WORK/wrong"
  timeout -k 10 "${limit_of[$name]}" "$@" >"$WORK/log/$name" 2>&1 </dev/null &
  running=$!
  wait "$running" || status=$?
  running=''
  [[ ! -s $WORK/saw ]] || text=$(awk '{ printf "%s%s", (NR > 1 ? "; " : ""), $0 }' "$WORK/saw")
  if [[ $status == 0 && ! -s $WORK/wrong ]]; then
    what=PASS passed=$((passed + 1))
  elif [[ $status == 77 ]]; then
    what=SKIP skipped=$((skipped + 1))
    report+=("skipped: $name: $text")
  else
    what=FAIL failed=$((failed + 1))
    ((status != 124 && status != 137)) || echo "not done within ${limit_of[$name]} s" >>"$WORK/wrong"
    [[ -s $WORK/wrong ]] || echo "ended with status $status: $(grep -v '^ *$' "$WORK/log/$name" | tail -n 1 | cut -c 1-300)" >>"$WORK/wrong"
  fi
  printf '%s  %-16s %4d s  %s%s\n' "$what" "$name" $((SECONDS - from)) "${text_of[$name]}${text:+: }" "$text"
  [[ $what != FAIL ]] || sed 's/^/        NOT SO: /' "$WORK/wrong"
  after_claim
}

# Ends the claim that runs, if one does.
end_running() {
  [[ -n $running ]] || return 0
  # It may have ended by itself.
  kill -TERM "$running" 2>/dev/null || true
  wait "$running" 2>/dev/null || true
  running=''
}

# SECONDS: the last lines, of a run that took that long. Says nothing if no claim has run.
conclude() {
  ((passed + failed + skipped > 0)) || return 0
  ((${#report[@]} == 0)) || printf '%s\n' "${report[@]}"
  printf 'took %d min %02d s\n' $(($1 / 60)) $(($1 % 60))
  printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
}

# MILLISECONDS, by a clock that everybody has.
now_ms() {
  local now=${EPOCHREALTIME/[.,]/}
  echo $((now / 1000))
}

# MILLISECONDS: as seconds with a tenth.
tenths() { printf '%d.%d' $(($1 / 1000)) $(($1 % 1000 / 100)); }

# SECONDS COMMAND...: until it succeeds; fails when the time is over.
within() {
  local until=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < until)) || return 1
    sleep 0.5
  done
}

# --- the store -------------------------------------------------------------------------------------

# METHOD PATH [BODY]: a request to the store, as the holder of TOKEN and under the idempotency key
# KEY, if these are set. Prints the body; fails if the answer is no success.
ask() {
  local headers=() answer status
  [[ -z ${TOKEN:-} ]] || headers+=(-H "authorization: Bearer $TOKEN")
  [[ -z ${KEY:-} ]] || headers+=(-H "idempotency-key: $KEY")
  [[ -z ${3:-} ]] || headers+=(-H 'content-type: application/json' -d "$3")
  answer=$(in_store curl -sS --max-time 30 -X "$1" "${headers[@]}" -w '\n%{http_code}' "$STORE/api$2") || return
  status=${answer##*$'\n'}
  [[ $status == 2* ]] || {
    printf '%s %s: %s\n' "$1" "$2" "$answer" | tr '\n' ' ' >&2
    return 1
  }
  printf '%s\n' "${answer%$'\n'*}"
}

become_admin() {
  local body
  body=$(jq -n --arg p "$(admin_password)" '{username: "admin", password: $p}')
  TOKEN='' TOKEN=$(ask POST /session/admin "$body" | jq -er .token)
}

# A new product with 1,000 in stock: PRODUCT. Nobody else buys it.
make_product() {
  local tag=$RANDOM$RANDOM
  become_admin
  PRODUCT=$(ask POST /products "$(jq -n --arg t "$tag" --arg c "$CURRENCY" '{sku: "V-\($t)", name: "Proof \($t)",
    description: "Made by verify.", categories: ["Proof"], price_minor: 1250, currency: $c, attributes: {}, quantity: 1000}')" | jq -er .id)
  within 20 in_stock || stop "the new product's stock did not arrive within 20 s"
}
in_stock() { [[ $(ask GET "/inventory/$PRODUCT" | jq .available) -gt 0 ]]; }

# A new shopper: TOKEN and SHOPPER.
become_shopper() {
  local session
  session=$(TOKEN='' ask POST /session)
  TOKEN=$(jq -er .token <<<"$session") SHOPPER=$(jq -er .user_id <<<"$session")
}

# What an order of one PRODUCT by the present shopper says, with a good card: it is in the cart then.
order_body() {
  local cart card
  cart=$(ask POST "/cart/$SHOPPER/items" "{\"product_id\":\"$PRODUCT\",\"quantity\":1}")
  card=$(ask POST /payments/tokens '{"number":"4242424242424242","exp_month":12,"exp_year":2039,"cvc":"123","name":"Amira"}')
  jq -n --argjson cart "$cart" --argjson card "$card" '{cart_revision: $cart.revision, expected_total_minor: $cart.total_minor,
    currency: $cart.currency, payment_token: $card.payment_token,
    address: {name: "Amira", line1: "12 Lantern Lane", city: "Lisbon", postal_code: "1100-038", country: "PT"}}'
}

# Buys it. Prints the order.
buy() {
  local body
  body=$(order_body)
  KEY=verify-$RANDOM$RANDOM$RANDOM ask POST /orders "$body"
}

# ID: the order's state as its shopper is told.
order_state() { ask GET "/orders/$1" | jq -er .state; }
