# shellcheck shell=bash disable=SC2016,SC2034,SC2153,SC2154 # what is expanded in a pod; variables of lib.sh and main/verify
# Sick pods are left out, and a slow service cannot take the others' time (main/istio/breakers).

BREAKERS=$MAIN/istio/breakers

# PATTERN: the sum of such a statistic over the gateway's sidecars.
gateway_stat() {
  local pod
  for pod in $(pods_of gateway); do
    kubectl exec -n souk "$pod" -c istio-proxy --request-timeout=30s -- pilot-agent request GET "stats?filter=$1" </dev/null 2>/dev/null || true
  done | awk '{ n += $NF } END { print n + 0 }'
}
ejected() { gateway_stat "^cluster.outbound.*$1.*ejections_active"; }
is_ejected() { (($(ejected "$1") > 0)); }
is_back() { (($(ejected "$1") == 0)); }

nobody_is_sick() {
  kube label pods -n souk -l souk/sick souk/sick- >/dev/null 2>&1 || true
  kube delete --ignore-not-found -f "$BREAKERS/failing-pod.yaml" -f "$MAIN/verify.d/mesh/busy-pod.yaml" -f "$BREAKERS/slow-inventory.yaml" >/dev/null 2>&1 || true
  as_it_was || true
}

# What the gateway's sidecars got as 5xx from product-service.
refusals() { gateway_stat '^cluster.outbound.*product-service.*upstream_rq_5xx$'; }

claim ejection 240 "one pod that answers nothing but 503 is left out by its callers, and shoppers' reads see none of it"
claim_ejection() {
  local pod from before
  trap nobody_is_sick EXIT
  nobody_is_sick
  (($(pods_of product-service | wc -l) >= 2)) || skip "product-service has a single pod, which nobody may leave out"
  within 60 is_back product-service || wrong "a pod of product-service is left out before anything began"
  pod=$(pod_of product-service)
  kube apply -f "$BREAKERS/failing-pod.yaml" >/dev/null || stop "main/istio/breakers/failing-pod.yaml was refused"
  start_getting ejection 10
  sleep 3
  before=$(gateway_stat '^cluster.outbound.*product-service.*upstream_rq_retry$')
  kube label pod "$pod" -n souk souk/sick=yes >/dev/null
  from=$(now_ms)
  within 60 is_ejected product-service || wrong "nobody leaves $pod out after a minute"
  saw "left out $(tenths $(($(now_ms) - from))) s after it fell sick"
  sleep 10
  saw "$(($(gateway_stat '^cluster.outbound.*product-service.*upstream_rq_retry$') - before)) reads were asked once more meanwhile, of another pod"
  kube label pod "$pod" -n souk souk/sick- >/dev/null
  from=$(now_ms)
  within 90 is_back product-service || wrong "$pod is well and still left out after 90 s"
  saw "back $(tenths $(($(now_ms) - from))) s after it was well"
  finish_getting ejection
  if [[ -z $MISSED ]]; then
    saw "$GOT reads, all answered 200"
  else
    wrong "of $GOT reads $(wc -l <<<"$MISSED") were not answered 200: $(head -n 3 <<<"$MISSED" | tr '\n' ',')"
  fi
}

claim busy 180 "a pod that honestly says that it has too much to do (503 with Retry-After) is not left out"
claim_busy() {
  local pod before
  trap nobody_is_sick EXIT
  nobody_is_sick
  within 60 is_back product-service || stop "a pod of product-service is left out before anything began"
  pod=$(pod_of product-service)
  kube apply -f "$MAIN/verify.d/mesh/busy-pod.yaml" >/dev/null || stop "busy-pod.yaml was refused"
  kube label pod "$pod" -n souk souk/sick=busy >/dev/null
  before=$(refusals)
  start_getting busy 10
  within 60 refused_enough "$before" || wrong "only $(($(refusals) - before)) refusals came"
  finish_getting busy
  is_back product-service || wrong "the pod is left out"
  saw "$(($(refusals) - before)) refusals with Retry-After, and nobody left it out"
}
refused_enough() { (($(refusals) - $1 >= 50)); }

# COUNT: so many questions for stock at once. Prints status and seconds of each.
ask_stock() {
  tools 'curl -s --parallel --parallel-immediate --parallel-max 100 --max-time 20 -o /dev/null -w "%{http_code} %{time_total}\n" "$1/api/inventory?limit=1#[1-$2]" 2>/dev/null' "$STORE" "$1"
}

claim breaker 240 "a slow service fills its limit, what is above is refused at once, and everything else stays fast"
claim_breaker() {
  local answers refused slowest before opened
  trap nobody_is_sick EXIT
  nobody_is_sick
  kube apply -f "$BREAKERS/slow-inventory.yaml" >/dev/null || stop "slow-inventory.yaml was refused"
  within 30 stock_takes 1.5 || stop "stock does not become slow"
  kube apply --server-side --force-conflicts -f "$BREAKERS/narrow-inventory.yaml" >/dev/null || stop "narrow-inventory.yaml was refused"
  within 30 overflows || stop "the limit does nothing"
  before=$(gateway_stat '^cluster.outbound.*inventory-service.*upstream_rq_pending_overflow')
  start_catalogue
  answers=$(for _ in 1 2 3 4; do ask_stock 60; done)
  finish_catalogue
  opened=$(($(gateway_stat '^cluster.outbound.*inventory-service.*upstream_rq_pending_overflow') - before))
  printf '%s\n' "$answers" >"$WORK/log/breaker-stock"
  refused=$(grep -c '^503' <<<"$answers" || true)
  # Of those that were refused the slowest of 19 in 20.
  slowest=$(awk '$1 == 503 { print $2 * 1000 }' <<<"$answers" | sort -n | awk '{ t[NR] = $1 } END { print int(t[int(NR * 0.95)]) }')
  ((refused > 100)) || wrong "of 240 questions only $refused were refused"
  ((slowest < 500)) || wrong "the refusals took up to $slowest ms"
  ((opened > 0)) || wrong "the gateway's sidecars count no overflow"
  (($(grep -c '^200' <<<"$answers") >= 16)) || wrong "of 240 questions only $(grep -c '^200' <<<"$answers") were answered"
  saw "of 240 questions for stock, 60 at once, $(grep -c '^200' <<<"$answers") were answered after 2 s, and $refused refused within $slowest ms ($opened by the limit)"
  [[ $LOOKED == *' 0 failed'* ]] || wrong "the catalogue meanwhile: $LOOKED"
  ((${LOOKED_MS:-9999} < 250)) || wrong "the catalogue took $LOOKED_MS ms (95 %)"
  saw "the catalogue meanwhile: $LOOKED"
  nobody_is_sick
  within 60 stock_is_fast || wrong "stock is not fast again after 60 s"
  answers=$(ask_stock 20)
  [[ $(grep -c '^200' <<<"$answers") == 20 ]] || wrong "afterwards, of 20 questions at once $(grep -c '^200' <<<"$answers") were answered"
  saw "afterwards 20 of 20 at once"
}
stock_takes() { awk -v s="$1" '{ exit !($1 >= s) }' <<<"$(in_store curl -s -o /dev/null -w '%{time_total}' --max-time 20 "$STORE/api/inventory?limit=1")"; }
stock_is_fast() { ! stock_takes 1; }
overflows() { ask_stock 60 | grep -c '^503' >/dev/null; }

# Ten lists of products a second, until finish_catalogue. LOOKED says how it went, LOOKED_MS how long the
# slowest of 19 in 20 took.
start_catalogue() {
  # Standard error, which curl does not hold back.
  tools 'timeout 120 curl -s --rate 10/s --max-time 10 -o /dev/null -w "%{stderr}%{http_code} %{time_total}\n" "$1/api/products?limit=3#[1-10000]" </dev/null >/dev/null 2>/journal/catalogue.times & echo $! >/journal/catalogue.pid' "$STORE"
  sleep 2
}
finish_catalogue() {
  local times
  times=$(tools 'kill $(</journal/catalogue.pid) 2>/dev/null || true; rm -f /journal/catalogue.pid; sleep 0.5; grep -E "^[0-9]{3} [0-9.]+$" /journal/catalogue.times')
  LOOKED_MS=$(awk '{ print $2 * 1000 }' <<<"$times" | sort -n | awk '{ t[NR] = $1 } END { print int(t[int(NR * 0.95)]) }')
  LOOKED="$(wc -l <<<"$times") lists, $(awk '$1 != 200 { n++ } END { print n + 0 }' <<<"$times") failed, 95 % within $LOOKED_MS ms"
}
