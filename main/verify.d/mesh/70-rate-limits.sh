# shellcheck shell=bash disable=SC2016,SC2034,SC2153,SC2154 # what is expanded in a pod; variables of lib.sh and main/verify
# Local rate limits: each pod counts for itself, so that allowed = limit x pods (main/istio/rate-limits).

LIMITS=$MAIN/istio/rate-limits

no_limits() { kube delete --ignore-not-found -f "$LIMITS/search.yaml" -f "$LIMITS/checkout.yaml" -f "$LIMITS/ingress.yaml" >/dev/null 2>&1 || true; }

# RATE SECONDS METHOD URL [HEADER...]: so many requests a second for that long, ten at a time. What became
# of each is a line of $WORK/log/flood; how long it took in all is FLOOD_MS.
flood() {
  local from
  from=$(now_ms)
  tools 'rate=$1 seconds=$2 method=$3 url=$4; shift 4; set -- "${@/#/-H}"
    one() { timeout $((SECS + 15)) curl -s --rate "$RATE/s" --max-time 10 -X "$METHOD" "$@" -o /dev/null -w "%{http_code} %{time_starttransfer} %header{retry-after} %header{x-ratelimit-limit}\n" "$URL#[1-$((RATE * SECS))]"; }
    export -f one
    export RATE=$((rate / 10)) SECS=$seconds METHOD=$method URL=$url
    for n in 1 2 3 4 5 6 7 8 9 10; do bash -c "one \"\$@\"" one "$@" >"/journal/flood.$n" 2>/dev/null </dev/null & done
    wait
    cat /journal/flood.[0-9]* >/journal/flood; rm -f /journal/flood.[0-9]*' "$@"
  FLOOD_MS=$(($(now_ms) - from))
  in_store cat /journal/flood >"$WORK/log/flood"
}

# WHAT LIMIT BURST PODS SECONDS: how many of the flood were let through, and whether that is as said.
judge_flood() {
  local passed_on least most refused
  passed_on=$(grep -vc '^429' "$WORK/log/flood" || true)
  refused=$(grep -c '^429' "$WORK/log/flood" || true)
  # What was saved up comes on top, and the interval that had begun; and requests don't come evenly, nor
  # to each pod alike.
  most=$(($4 * ($3 + $2 * (FLOOD_MS / 1000 + 1))))
  least=$(($2 * $4 * ($5 - 1) * 8 / 10))
  ((passed_on <= most && passed_on >= least)) || wrong "$1: of $((passed_on + refused)) requests in $5 s $passed_on were let through; $2 a second x $4 pods allow $least to $most"
  ((refused > 0)) || wrong "$1: none was refused"
  [[ -z $(awk '$1 == 429 && ($3 != 1 || $4 != b)' b="$3" "$WORK/log/flood" | head -n 1) ]] || wrong "$1: a refusal without Retry-After: 1 and x-ratelimit-limit: $3: $(awk '$1 == 429 && ($3 != 1 || $4 != b)' b="$3" "$WORK/log/flood" | head -n 1)"
  saw "$1: of $((passed_on + refused)) requests in $5 s $passed_on were let through ($2 a second x $4 pods, $3 at once), $refused refused with 429 and Retry-After: 1"
}

# COMMAND...: succeeds if its first requests meet the limit.
limited() { in_store curl -s -D - -o /dev/null --max-time 10 "$@" | grep -ci '^x-ratelimit-limit' >/dev/null; }

claim limit-search 180 "searches: limit x pods a second, a 429 that says when to come back; other lists are not counted"
claim_limit_search() {
  local pods code
  trap no_limits EXIT
  no_limits
  pods=$(pods_of product-service | wc -l)
  kube apply -f "$LIMITS/search.yaml" >/dev/null || stop "rate-limits/search.yaml was refused"
  within 30 limited "$STORE/api/products?search=tea" || stop "the limit does nothing"
  # Until every pod has it.
  sleep 3
  start_catalogue
  flood $((30 * pods)) 10 GET "$STORE/api/products?search=tea&limit=1"
  finish_catalogue
  judge_flood search 20 40 "$pods" 10
  [[ $LOOKED == *' 0 failed'* ]] || wrong "lists without a search meanwhile: $LOOKED"
  saw "lists without a search meanwhile: $LOOKED"
  within 5 searches || wrong "a search is still refused 5 s later"
  no_limits
  within 30 not_limited "$STORE/api/products?search=tea" || wrong "taken away, it still limits"
}
searches() { [[ $(in_store curl -s -o /dev/null -w '%{http_code}' --max-time 10 "$STORE/api/products?search=tea") == 200 ]]; }
not_limited() { ! limited "$@"; }

claim limit-checkout 180 "new orders: limit x pods a second; what is refused has begun nothing"
claim_limit_checkout() {
  local pods order key body answer
  trap no_limits EXIT
  no_limits
  pods=$(pods_of order-service | wc -l)
  kube apply -f "$LIMITS/checkout.yaml" >/dev/null || stop "rate-limits/checkout.yaml was refused"
  within 30 limited -X POST "$STORE/api/orders" || stop "the limit does nothing"
  sleep 3
  # Nobody's orders: what is let through is answered 401.
  flood $((20 * pods)) 10 POST "$STORE/api/orders"
  judge_flood orders 10 20 "$pods" 10
  make_product
  become_shopper
  body=$(order_body)
  tools 'for ((i = 0; i < 200; i++)); do curl -s -o /dev/null --max-time 10 -X POST "$1/api/orders" & done; wait' "$STORE"
  key=limit-$RANDOM$RANDOM
  answer=$(in_store curl -s --max-time 30 -X POST -H "authorization: Bearer $TOKEN" -H "idempotency-key: $key" -H 'content-type: application/json' -d "$body" -w '\n%{http_code}' "$STORE/api/orders")
  sleep 3
  order=$(KEY=$key ask POST /orders "$body" | jq -r .state) || wrong "an order is not taken three seconds later"
  [[ $order == confirmed ]] || wrong "the order is $order"
  saw "an order in the crowd was answered ${answer##*$'\n'}, and under the same key three seconds later: $order"
}

claim limit-door 180 "at the door: one session is limited while another is not; one address is limited"
claim_limit_door() {
  local pods one other codes
  trap no_limits EXIT
  no_limits
  pods=$(kube get pods -n souk-ingress -l app.kubernetes.io/name=ingress-gateway -o name | wc -l)
  become_shopper
  one=$TOKEN
  become_shopper
  other=$TOKEN
  kube apply -f "$LIMITS/ingress.yaml" >/dev/null || stop "rate-limits/ingress.yaml was refused"
  within 30 limited "$STORE/api/categories" || stop "the limit does nothing"
  sleep 3
  # Another session meanwhile, now and then.
  tools 'timeout 60 curl -s --rate 2/s --max-time 10 -H "authorization: Bearer $2" -o /dev/null -w "%{stderr}%{http_code}\n" "$1/api/categories#[1-24]" </dev/null >/dev/null 2>/journal/other &' "$STORE" "$other"
  flood $((100 * pods)) 10 GET "$STORE/api/categories" "authorization: Bearer $one"
  judge_flood "one session" 50 100 "$pods" 10
  codes=$(in_store sort /journal/other | uniq -c | tr -s ' \n' ' ')
  [[ $codes != *429* ]] || wrong "another session met the limit of the first: $codes"
  saw "another session meanwhile:$codes"
  sleep 3
  # A page, which costs no service anything.
  flood $((300 * pods)) 6 GET "$STORE/"
  judge_flood "one address, without a session" 200 400 "$pods" 6
}
