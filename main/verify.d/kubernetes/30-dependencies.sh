# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # expanded in a pod; variables of lib.sh and main/verify
# What the store does without something that it needs, and with more to do than usual.

claim dependencies 420 "a dead dependency makes pods unready, or the store does less; it restarts none, and all recovers by itself"
claim_dependencies() {
  local body order state from
  make_product
  become_shopper
  service_restarts >"$WORK/restarts-before"
  # Nobody needs to be watched in order to sell.
  kube scale deployment jaeger -n souk-observability --replicas=0 >/dev/null

  without product-db product-service
  within 15 is_refused /api/products || wrong "without product-db, a list of products is answered $(status_of /api/products)"
  [[ $(status_of /) == 200 ]] || wrong "without product-db, the page is answered $(status_of /)"
  ask GET "/cart/$SHOPPER" >/dev/null || wrong "without product-db, a cart cannot be looked at"
  again_with product-db product-service

  without redis cart-service
  [[ $(status_of /api/products) == 200 ]] || wrong "without Redis, a list of products is answered $(status_of /api/products)"
  within 15 is_refused "/api/cart/$SHOPPER" || wrong "without Redis, a cart is answered $(status_of "/api/cart/$SHOPPER")"
  again_with redis cart-service

  # The payment company: whoever is unready for that sells nothing to those who would wait.
  body=$(order_body)
  kube scale deployment mock-gateway -n souk-partner --replicas=0 >/dev/null
  kubectl wait pods -n souk-partner -l app.kubernetes.io/name=mock-gateway --for=delete --timeout=60s >/dev/null
  order=$(KEY=verify-$RANDOM$RANDOM ask POST /orders "$body") || stop "without the payment company, an order is not taken"
  state=$(jq -r .state <<<"$order")
  [[ $state != confirmed && $state != rejected ]] || wrong "without the payment company, an order is $state"
  [[ $(pods_of payment-service | wc -l) == 2 ]] || wrong "without the payment company, payment-service is not ready"
  from=$(now_ms)
  kube scale deployment mock-gateway -n souk-partner --replicas=1 >/dev/null
  within 150 order_is "$(jq -r .id <<<"$order")" confirmed || wrong "the order is $(order_state "$(jq -r .id <<<"$order")") 150 s after the payment company came back"
  saw "without the payment company payment-service stays ready, an order waits ($state), and was confirmed $(tenths $(($(now_ms) - from))) s after its return"

  kube scale deployment jaeger -n souk-observability --replicas=1 >/dev/null
  await_ready 90 || wrong "not all is ready after that"
  service_restarts >"$WORK/restarts-after"
  diff "$WORK/restarts-before" "$WORK/restarts-after" >&2 || wrong "a pod of a service was restarted or replaced: $(diff "$WORK/restarts-before" "$WORK/restarts-after" | grep '^[<>]' | head -n 3 | tr '\n' ' ')"
  saw "no pod restarted or replaced; Jaeger was away all the while"
}
service_restarts() {
  kube get pods -n souk -l app.kubernetes.io/component=service -o json | jq -r '.items[] | "\(.metadata.name) \(.metadata.uid) \(.status.containerStatuses[0].restartCount)"' | sort
}
# STORE SERVICE: takes the store away; the service's pods become unready, and nobody else's.
without() {
  local from other
  from=$(now_ms)
  kube scale statefulset "$1" -n souk-data --replicas=0 >/dev/null
  within 60 all_unready "$2" || wrong "$2 is still ready 60 s after $1 went"
  saw "without $1, $2 is unready after $(tenths $(($(now_ms) - from))) s"
  for other in "${SERVICES[@]}" gateway; do
    [[ $other == "$2" || $(pods_of "$other" | wc -l) == 2 ]] || wrong "without $1, $other has $(pods_of "$other" | wc -l) ready pods"
  done
}
all_unready() { [[ -z $(pods_of "$1") ]]; }
# STORE SERVICE
again_with() {
  local from
  kube scale statefulset "$1" -n souk-data --replicas=1 >/dev/null
  within 120 all_of "$1" 1 || stop "$1 does not come back"
  from=$(now_ms)
  within 60 all_of "$2" 2 || wrong "$2 is not ready 60 s after $1 came back"
  saw "ready $(tenths $(($(now_ms) - from))) s after it"
}
all_of() { [[ $(pods_of "$1" | wc -l) == "$2" ]]; }
order_is() { [[ $(order_state "$1") == "$2" ]]; }
# PATH: there is nobody who could answer (502 or 504: no pod, as the network plugin refuses or drops;
# 503: it says so itself).
is_refused() { [[ $(status_of "$1") == 50[234] ]]; }
# PATH: how it is answered, as the present shopper.
status_of() { in_store curl -s --max-time 10 -o /dev/null -w '%{http_code}' -H "authorization: Bearer ${TOKEN:-}" "$STORE$1" || true; }

claim autoscaling 480 "load raises the replicas, the new ones get their share, calm lowers them, and main/deploy leaves the count alone"
claim_autoscaling() {
  local from up told pod all=0 least=100 shares='' now
  kube get --raw /apis/metrics.k8s.io/v1beta1 >/dev/null 2>&1 || skip "the cluster has no metrics-server"
  SOUK_IMAGE_LOADER=true deploy "$MAIN/verify.d/kubernetes/autoscaling"
  within 90 autoscaler_sees || stop "the autoscaler has no figures of product-service: $(kube get hpa product-service -n souk -o json | jq -r '[.status.conditions[]?.message] | join("; ")')"
  [[ $(wanted_replicas) == 2 ]] || wrong "the autoscaler begins with $(wanted_replicas) replicas"
  # All the while: what goes away must not lose a request.
  start_getting autoscaling 2
  tools 'for i in 1 2 3 4; do
      timeout 400 bash -c "while :; do curl -s --max-time 60 -o /dev/null \"http://gateway/api/products?limit=[1-40]&min_price=[1-50]\"; done" </dev/null >/dev/null 2>&1 &
      echo $!
    done >/journal/busy.pid'
  from=$(now_ms)
  within 150 all_of product-service 4 || wrong "after 150 s of load there are $(pods_of product-service | wc -l) ready replicas, not 4"
  up=$(($(now_ms) - from))
  # A deploy in the middle of it, which wants some of the nodes' CPU as well.
  tools 'kill $(tail -n 2 /journal/busy.pid)'
  SOUK_IMAGE_LOADER=true deploy "$MAIN/verify.d/kubernetes/autoscaling"
  now=$(wanted_replicas)
  ((now >= 3)) || wrong "main/deploy has set the replicas from 4 to $now"
  told=$(for pod in $(pods_of product-service); do echo "$(kubectl logs -n souk "$pod" -c service --since=6s | grep -c '"route":"/products"' || true) $pod"; done)
  tools 'kill $(</journal/busy.pid); rm -f /journal/busy.pid'
  from=$(now_ms)
  echo "$told"
  all=$(awk '{ n += $1 } END { print n + 0 }' <<<"$told")
  ((all > 100)) || stop "the replicas' logs have only $all requests in 6 s"
  shares=$(awk -v all="$all" '{ printf "%s%d %%", (NR > 1 ? ", " : ""), 100 * $1 / all }' <<<"$told")
  least=$(awk -v all="$all" 'NR == 1 || $1 < m { m = $1 } END { printf "%d", 100 * m / all }' <<<"$told")
  ((least >= 12)) || wrong "a replica got $least % of the requests: $shares"
  saw "from 2 to 4 ready after $(tenths "$up") s of load; of $all requests in 6 s they got $shares; main/deploy meanwhile left $now"
  within 180 all_of product-service 2 || wrong "after 180 s of calm there are still $(pods_of product-service | wc -l) replicas"
  saw "2 again after $(tenths $(($(now_ms) - from))) s of calm (believed after 15 s here, 300 s in the component)"
  finish_getting autoscaling
  [[ -z $MISSED ]] || wrong "of $GOT plain GETs $(wc -l <<<"$MISSED") were not answered 200: $(head -n 4 <<<"$MISSED" | tr '\n' ',')"
  saw "none of $GOT plain GETs failed"
  SOUK_IMAGE_LOADER=true deploy
  ! kube get hpa product-service -n souk >/dev/null 2>&1 || wrong "the autoscaler is still there after the component is off"
  [[ $(kube get deployment product-service -n souk -o jsonpath='{.spec.replicas}') == 2 ]] || wrong "switching the component off has changed the count"
}
autoscaler_sees() { [[ -n $(kube get hpa product-service -n souk -o jsonpath='{.status.currentMetrics[0].containerResource.current.averageUtilization}') ]]; }
wanted_replicas() { kube get deployment product-service -n souk -o jsonpath='{.spec.replicas}'; }
