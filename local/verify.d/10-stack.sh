# shellcheck shell=bash disable=SC2034,SC2154 # variables of lib.sh and local/verify
# The stack comes up from nothing, sells, and is of one version.

claim up 1200 "the stack comes up from nothing, and --wait returns when a purchase succeeds"
claim_up() {
  local began=$SECONDS built=''
  if [[ -z $AS_BUILT ]]; then
    compose --profile tools build
    built="built in $((SECONDS - began)) s, "
  fi
  began=$SECONDS
  compose up -d --no-build --wait --wait-timeout 300
  saw "${built}up in $((SECONDS - began)) s"
  # At once: a purchase must not need a moment more.
  make_product
  become_shopper
  [[ $(buy | jq -r .state) == confirmed ]] || stop "the first purchase was not confirmed"
  saw "$(compose ps --status running --quiet | wc -l) containers; a purchase confirmed at once"
}

claim purchase 60 "a shopper finds something, buys it, and follows it to its end"
claim_purchase() {
  local found order id stream stock
  make_product
  stock=$(ask GET "/inventory/$PRODUCT" | jq .available)
  become_shopper
  found=$(ask GET "/products?search=tea&limit=5" | jq '.items | length')
  ((found > 0)) || wrong "a search for tea finds nothing in the starting catalogue"
  order=$(buy)
  id=$(jq -er .id <<<"$order")
  [[ $(jq -r .state <<<"$order") == confirmed ]] || stop "the order is $(jq -c '{state, reason}' <<<"$order")"
  # The stream may stay open until the time is over; what came is counted.
  stream=$(curl -sS --max-time 5 -H "authorization: Bearer $TOKEN" "$STORE/api/orders/$id/events" | grep -c '^id:' || true)
  ((stream > 1)) || wrong "the order's timeline has $stream events"
  [[ $(ask GET "/cart/$SHOPPER" | jq '.lines // .items | length') == 0 ]] || wrong "the cart is not empty after the purchase"
  become_admin
  [[ $(ask GET "/inventory/$PRODUCT" | jq .available) == $((stock - 1)) ]] || wrong "the stock is not one less"
  saw "$found products found, order $(jq -r .total_minor <<<"$order") $(jq -r .currency <<<"$order") confirmed, $stream events, stock one less, cart empty"
}

claim pages 60 "web store, API documentation and observers' pages answer"
claim_pages() {
  local page status seen=''
  for page in "$STORE/" "$STORE/docs/" "$STORE/docs/order/openapi.json" "$STORE/api/system/health" "$PROMETHEUS/-/ready" "$ALERTMANAGER/-/ready" "$JAEGER/api/services"; do
    # No answer is 000, and told as wrong.
    status=$(curl -s --max-time 10 -o /dev/null -w '%{http_code}' "$page" || true)
    [[ $status == 200 ]] || wrong "$page answers $status"
    seen+=" $status"
  done
  status=$(curl -s --max-time 10 "$STORE/api/system/health" | jq -r .status)
  [[ $status == up ]] || wrong "the system says of itself that it is $status"
  saw "7 pages:$seen; the system is $status"
}

claim grafana 120 "Grafana has Souk's dashboards and its data sources answer"
claim_grafana() {
  local count source
  [[ ,$(value_of COMPOSE_PROFILES), == *,grafana,* ]] || skip "its image can be neither found here nor pulled"
  within 60 curl -sf --max-time 5 -o /dev/null "$GRAFANA/api/health" || stop "Grafana does not answer at $GRAFANA"
  count=$(curl -sS --max-time 10 "$GRAFANA/api/search?type=dash-db" | jq length)
  [[ $count == "$(find "$here/grafana/dashboards" -name '*.json' | wc -l)" ]] || wrong "$count dashboards are provisioned, of $(find "$here/grafana/dashboards" -name '*.json' | wc -l)"
  for source in $(curl -sS --max-time 10 -u "admin:$(value_of GRAFANA_PASSWORD)" "$GRAFANA/api/datasources" | jq -r '.[].uid'); do
    curl -sf --max-time 20 -o /dev/null -u "admin:$(value_of GRAFANA_PASSWORD)" "$GRAFANA/api/datasources/uid/$source/health" ||
      wrong "the data source $source does not answer"
  done
  saw "$count dashboards"
}

claim version 60 "the version is the same in VERSION, --version, /health, metric and image label"
claim_version() {
  local name told count=0
  for name in "${PROGRAMS[@]}"; do
    told=$(docker exec "$(container "$name")" "/souk/$name" --version)
    [[ $told == "$name $VERSION" ]] || wrong "$name --version says '$told'"
    told=$(docker image inspect -f '{{index .Config.Labels "org.opencontainers.image.version"}}' "souk/$name:$VERSION")
    [[ $told == "$VERSION" ]] || wrong "the label of souk/$name says '$told'"
    told=$(prometheus "souk_build_info{job=\"$name\"}" | jq -r '[.[].metric.version] | unique | join(",")')
    [[ $told == "$VERSION" ]] || wrong "the metric of $name says '$told'"
    count=$((count + 1))
  done
  while read -r name told; do
    [[ $told == "$VERSION" ]] || wrong "/health of $name says '$told'"
  done < <(curl -sS --max-time 10 "$STORE/api/system/health" | jq -r '.services | to_entries[] | "\(.key) \(.value.version)"')
  [[ $VERSION == "$(<"$root/VERSION")" ]] || wrong "the file VERSION says $(<"$root/VERSION")"
  saw "$VERSION of $count programs"
}
