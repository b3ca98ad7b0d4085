# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # expanded in a pod; variables of lib.sh and main/verify
# How often a request is tried, for how long, and where.

claim attempts 200 "a shopper's GET that fails is tried once more, a write never, and the layers do not multiply: counted where the requests arrive"
claim_attempts() {
  local from id count
  make_product
  become_shopper
  order_body >/dev/null
  apply_file breakers/failing-pod.yaml
  from=$(date -u +%Y-%m-%dT%H:%M:%SZ)
  kube label pods -n souk -l app.kubernetes.io/name=product-service souk/sick=yes --overwrite >/dev/null
  # Until a read fails that was good before, through new connections.
  within 60 reads_fail || stop "the pods of product-service answer as before"
  id=attempts-$RANDOM$RANDOM
  [[ $(status_of "$STORE/api/products/$id") == 5?? ]] || wrong "with every replica failing, a GET is answered otherwise than 5xx"
  within 20 seen_at product-service "/products/$id" 1 || stop "no sidecar of product-service has a line of the GET"
  count=$(attempts_at product-service "/products/$id" "$from")
  ((count == 2)) || wrong "one GET of a shopper's reached product-service $count times, and should twice"
  saw "a GET: $count attempts"
  become_admin
  count=$(status_of -X DELETE -H "authorization: Bearer $TOKEN" -H 'if-match: "1"' "$STORE/api/products/$id-w")
  [[ $count == 5?? ]] || wrong "with every replica failing, a DELETE is answered $count"
  within 20 seen_at product-service "/products/$id-w" 1 || stop "no sidecar of product-service has a line of the DELETE"
  count=$(attempts_at product-service "/products/$id-w" "$from")
  ((count == 1)) || wrong "one write reached product-service $count times"
  saw "a write: $count"
  # Three layers: nginx, cart-service's client, the sidecars of both. Nobody else asks for carts now.
  sleep 3
  from=$(date -u -d '+1 second' +%Y-%m-%dT%H:%M:%SZ)
  sleep 2
  become_shopper
  status_of -H "authorization: Bearer $TOKEN" "$STORE/api/cart/$SHOPPER" >/dev/null
  status_of -X POST -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' -d "{\"product_id\":\"$PRODUCT\",\"quantity\":1}" "$STORE/api/cart/$SHOPPER/items" >/dev/null
  sleep 3
  count=$(attempts_at product-service /products "$from" cart-service)
  ((count <= 4)) || wrong "two requests of a shopper's at cart-service came to $count at product-service"
  saw "through cart-service: two requests of a shopper's made $count at product-service (27 would be three layers with three tries each)"
  well_again
  within 60 writes_pass || wrong "a minute after the pods are well again, requests still fail"
}
well_again() {
  kube label pods -n souk -l souk/sick souk/sick- >/dev/null 2>&1 || true
  kube delete -f "$MAIN/istio/breakers/failing-pod.yaml" --ignore-not-found >/dev/null
}
reads_fail() { [[ $(status_of "$STORE/api/products?limit=1&search=$RANDOM") == 5?? ]]; }
# All of twenty that are not repeated, so that each pod has had one: nobody may do it, and is told so.
writes_pass() { [[ $(tools 'for ((i = 0; i < 20; i++)); do curl -s --max-time 5 -o /dev/null -w "%{http_code}\n" -X DELETE "$STORE/api/products/nobody-has-this"; done' | sort -u) == 401 ]]; }
# SERVICE PATH SINCE [CALLER]: how many requests of it its own sidecars have written down.
attempts_at() {
  local pod
  for pod in $(kube get pods -n souk -l "app.kubernetes.io/name=$1" -o jsonpath='{.items[*].metadata.name}'); do
    sidecar_log souk "$pod" "$3"
  done | jq -s --arg path "$2" --arg caller "${4:-}" '[.[] | select(.path == $path and (.cluster | startswith("inbound")) and ($caller == "" or (.peer // "" | contains("/sa/" + $caller))))] | length'
}
seen_at() { (($(attempts_at "$1" "$2" "$(date -u -d '-60 seconds' +%Y-%m-%dT%H:%M:%SZ)") >= $3)); }

claim long-answers 150 "an order's timeline stays open for longer than any timeout of another route, and other routes end"
claim_long_answers() {
  local order id told took
  make_product
  become_shopper
  order=$(buy)
  id=$(jq -r .id <<<"$order")
  # Confirmed, and neither shipped nor cancelled: nothing ends it but the shopper.
  told=$(in_store curl -sN --max-time 45 -o /dev/null -w '%{http_code} %{time_total} %{exitcode}' -H "authorization: Bearer $TOKEN" "$STORE/api/orders/$id/events" || true)
  case $told in
    200\ 45*\ 28) saw "a timeline was open for 45 s, and ended by the one who looked" ;;
    *) wrong "a timeline that was to stay open for 45 s: $told" ;;
  esac
  slow_categories | kube apply -f - >/dev/null
  within 30 categories_are_slow || wrong "the delay does not show"
  took=$(in_store curl -s --max-time 40 -o /dev/null -w '%{http_code} %{time_total}' "$STORE/api/categories" || true)
  slow_categories | kube delete -f - >/dev/null
  case $took in
    504\ 1[5-7].*) saw "a request that would take 60 s is ended by its route: $took s" ;;
    *) wrong "a request that would take 60 s was answered $took s, and its route has 15" ;;
  esac
  within 60 categories_are_fast || wrong "after the delay was taken away, requests are still slow"
}
categories_are_slow() { [[ $(in_store curl -s --max-time 3 -o /dev/null -w '%{http_code}' "$STORE/api/categories" || true) == 000 ]]; }
categories_are_fast() { [[ $(in_store curl -s --max-time 3 -o /dev/null -w '%{http_code}' "$STORE/api/categories" || true) == 200 ]]; }
# At the called side: a delay of the caller's sidecar comes before the time of its route begins.
slow_categories() {
  cat <<'Y'
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: verify-slow, namespace: souk, labels: { souk/verify: helper } }
spec:
  workloadSelector: { labels: { app.kubernetes.io/name: product-service } }
  configPatches:
    - applyTo: HTTP_FILTER
      match:
        context: SIDECAR_INBOUND
        listener: { filterChain: { filter: { name: envoy.filters.network.http_connection_manager } } }
      patch:
        operation: INSERT_FIRST
        value:
          name: verify.slow
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault
            headers: [{ name: ":path", string_match: { prefix: /categories } }]
            delay: { fixed_delay: 60s, percentage: { numerator: 100 } }
Y
}

claim locality 150 "requests stay in their zone while it has a replica"
claim_locality() {
  local zones
  zones=$(kube get nodes -o json | jq -r '[.items[].metadata.labels["topology.kubernetes.io/zone"] // empty] | unique | length')
  ((zones > 1)) || skip "the nodes are in $zones zone(s)"
  zones=$(zones_of product-service)
  (($(wc -l <<<"$zones") > 1)) || skip "all pods of product-service are in one zone"
  crossed
  [[ $SAME -gt 0 && $OTHER == 0 ]] || wrong "of 200 requests from gateways that have a replica in their zone, $OTHER went to another zone"
  saw "$SAME requests stayed in their zone, $OTHER left it"
}
# ZONE of each ready pod, one a line, each once.
zones_of() {
  local pod
  for pod in $(pods_of "$1"); do zone_of_pod souk "$pod"; done | sort -u
}
zone_of_pod() { kube get node "$(kube get pod "$2" -n "$1" -o jsonpath='{.spec.nodeName}')" -o jsonpath='{.metadata.labels.topology\.kubernetes\.io/zone}{"\n"}'; }
# 200 reads; how many of them went from gateway to product-service within a zone (SAME) and across (OTHER).
crossed() {
  local from pod zone line address
  declare -A zone_at=()
  for pod in $(pods_of product-service); do
    zone_at[$(kube get pod "$pod" -n souk -o jsonpath='{.status.podIP}')]=$(zone_of_pod souk "$pod")
  done
  from=$(date -u +%Y-%m-%dT%H:%M:%SZ)
  tools 'for ((i = 0; i < 200; i++)); do curl -s --max-time 5 -o /dev/null "$STORE/api/products?limit=1&search=$i"; done'
  sleep 2
  SAME=0 OTHER=0
  for pod in $(pods_of gateway); do
    zone=$(zone_of_pod souk "$pod")
    # A zone without a replica has no choice.
    [[ " ${zone_at[*]} " == *" $zone "* ]] || continue
    while read -r address; do
      if [[ ${zone_at[${address%:*}]:-} == "$zone" ]]; then SAME=$((SAME + 1)); else OTHER=$((OTHER + 1)); fi
    done < <(sidecar_log souk "$pod" "$from" | jq -r 'select(.path == "/products" and (.cluster | startswith("outbound"))) | .upstream')
  done
}

claim faults 300 "a game day: a fault between two services raises the alert that its page names, no order is lost, and it ends with the fault"
claim_faults() {
  local from
  crowd faults 280
  apply_file faults/failing-reservations.yaml
  from=$SECONDS
  # More than half of the last five minutes' calls, for one minute: it takes longer after a busy time, so the
  # claims before this one are calm.
  if within 220 alert_fires CheckoutStepFailing; then saw "CheckoutStepFailing fired after $((SECONDS - from)) s"; else wrong "CheckoutStepFailing did not fire within 220 s"; fi
  as_it_was
  finish_shoppers faults
  saw "$(jq .checkouts <<<"$SHOPPED") checkouts meanwhile, $(jq .bought <<<"$SHOPPED") confirmed at once"
  # What waited is done now; the alert looks five minutes back.
  judge 60
}
# Prometheus itself, from within its pod: in the mesh nobody else may ask it this.
alert_fires() {
  kubectl exec -n souk-observability prometheus-0 -c discovery -- curl -s --max-time 5 http://127.0.0.1:9090/api/v1/alerts 2>/dev/null |
    jq -e --arg name "$1" 'any(.data.alerts[]?; .labels.alertname == $name and .state == "firing")' >/dev/null
}
