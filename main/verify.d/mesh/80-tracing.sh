# shellcheck shell=bash disable=SC2016,SC2034,SC2153,SC2154 # what is expanded in a pod; variables of lib.sh and main/verify
# Envoy's and the services' spans are one trace; and the dashboard shows what it says.

FIVE=(product-service cart-service order-service payment-service inventory-service)

# ORDER: all spans of the trace in which it was placed, as {id, parent, process, name, tags}, one a line.
spans_of() {
  ask GET "/system/traces/$1" | jq -c '[.data[] | select(any(.spans[]; .operationName == "POST /orders"))] | first | .processes as $p | .spans[]
    | {id: .spanID, trace: .traceID, parent: ([.references[]? | select(.refType == "CHILD_OF") | .spanID] | first), process: $p[.processID].serviceName,
       name: .operationName, tags: ([.tags[] | {(.key): .value}] | add)}'
}
complete() {
  local name
  spans_of "$1" >"$WORK/log/spans" 2>/dev/null || return 1
  for name in "${FIVE[@]}" ingress-gateway.souk-ingress gateway.souk order-service.souk cart-service.souk product-service.souk inventory-service.souk payment-service.souk; do
    jq -es --arg n "$name" 'any(.process == $n)' "$WORK/log/spans" >/dev/null || { echo "$name" >"$WORK/log/spans-missing"; return 1; }
  done
  # And what is the parent of something has come.
  [[ -z $(orphans) ]]
}
orphans() { jq -rs '(map(.id) | INDEX(.)) as $ids | .[] | select(.parent and ($ids[.parent] | not)) | "\(.process) \(.name)"' "$WORK/log/spans"; }

claim trace 180 "a checkout is one trace: ingress gateway, sidecars and all services, one root, no missing parent"
claim_trace() {
  local order roots
  make_product
  become_shopper
  order=$(buy | jq -er .id) || stop "nothing could be bought"
  become_admin
  within 60 complete "$order" || wrong "$(if [[ -s $WORK/log/spans ]]; then printf 'the trace lacks %s; orphans: %s' "$(cat "$WORK/log/spans-missing" 2>/dev/null)" "$(orphans | head -n 5 | tr '\n' ',')"; else printf 'there is no trace of the order'; fi)"
  roots=$(jq -rs '[.[] | select(.parent | not) | "\(.process) \(.name)"] | join(", ")' "$WORK/log/spans")
  [[ $roots == 'ingress-gateway.souk-ingress '* && $roots != *,* ]] || wrong "the roots are: $roots"
  [[ -z $(orphans) ]] || wrong "spans whose parent is missing: $(orphans | head -n 5 | tr '\n' ',')"
  saw "$(wc -l <"$WORK/log/spans") spans of $(jq -r .process "$WORK/log/spans" | sort -u | wc -l) processes, $(jq -r .process "$WORK/log/spans" | sort -u | grep -c '[.]souk') of them proxies; the root is $roots"
}

claim outside-trace 120 "a traceparent from outside is no parent of anything, and is kept as a remark"
claim_outside_trace() {
  local outside=abababababababababababababababab order body
  make_product
  become_shopper
  body=$(order_body)
  order=$(in_store curl -sS --max-time 30 -X POST -H "authorization: Bearer $TOKEN" -H "idempotency-key: outside-$RANDOM$RANDOM" -H 'content-type: application/json' \
    -H "traceparent: 00-$outside-cdcdcdcdcdcdcdcd-01" -H 'tracestate: x=y' -d "$body" "$STORE/api/orders" | jq -er .id) || stop "nothing could be bought"
  become_admin
  within 60 complete "$order" || wrong "the trace is not complete: $(cat "$WORK/log/spans-missing" 2>/dev/null)"
  [[ $(jq -r .trace "$WORK/log/spans" | sort -u) != *"$outside"* ]] || wrong "the trace has the id that came from outside"
  [[ $(jq -rs '[.[] | select(.parent | not)] | length' "$WORK/log/spans") == 1 ]] || wrong "it has not one root"
  jq -es --arg t "$outside" 'any(.tags["souk.client.trace_id"] == $t)' "$WORK/log/spans" >/dev/null || wrong "no span tells the client's trace"
  saw "a trace of its own, with souk.client.trace_id=$outside on $(jq -r --arg t "$outside" 'select(.tags["souk.client.trace_id"] == $t) | .process' "$WORK/log/spans" | sort -u | tr '\n' ' ')"
}

claim mesh-dashboard 240 "every query of the dashboard of the mesh finds figures"
claim_mesh_dashboard() {
  local said pid
  [[ -x $root/local/check-dashboards ]] || skip "local/check-dashboards is not here"
  start_shoppers dashboard --rate 2 --shoppers 30 --duration 200s
  kubectl port-forward -n souk-observability service/prometheus 19090:9090 >/dev/null 2>&1 &
  pid=$!
  # shellcheck disable=SC2064 # its number now
  trap "kill $pid 2>/dev/null || true" EXIT
  within 20 curl -sf -o /dev/null http://127.0.0.1:19090/-/ready || stop "no way to Prometheus through kubectl port-forward"
  said=$("$root/local/check-dashboards" --wait 120 --only souk-mesh http://127.0.0.1:19090) || wrong "$(grep WRONG <<<"$said" | head -n 6 | tr '\n' ' ')"
  finish_shoppers dashboard
  saw "$(grep queries <<<"$said" | tr -s ' ')"
}
