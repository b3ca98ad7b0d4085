# shellcheck shell=bash disable=SC2034 # for whoever sources this
# What main/istio/README.md types again and again; for bash, with curl and jq:
#
#   . main/istio/tour.sh
#
#   door       opens the ingress gateway at https://souk.localhost:8443 (kubectl port-forward, in the
#              background; again when it has ended, for it ends with the pod that it leads to)
#   buy        a new shopper buys a packet of tea. Prints the order's id and state, or what went wrong;
#              `order` and `auth` are the order's id and the shopper's header afterwards
#   shopper    prints the header of a new shopper
#   first [CURL-ARGUMENT...]   the first product that a search for salt finds
#   calls_of NAME [LINES]      the requests that its sidecars have sent on, of the last 300 lines of each
#                              one's log, as JSON
#
# And from docs/operations/on-call.sh: oc_ask QUERY asks Prometheus, oc_audit runs the audit.

STORE_URL=https://souk.localhost:8443
# The certificate that main/istio/certificate has signed itself.
kubectl -n souk-ingress get secret gateway-tls -o go-template='{{index .data "tls.crt" | base64decode}}' >/tmp/souk.crt
export STORE_URL CURL_CA_BUNDLE=/tmp/souk.crt
# shellcheck source=docs/operations/on-call.sh
. docs/operations/on-call.sh kubernetes >/dev/null

door() {
  kubectl -n souk-ingress port-forward service/ingress-gateway 8443:443 >/dev/null 2>&1 &
  kubectl -n souk-observability port-forward service/prometheus 9090:9090 >/dev/null 2>&1 &
  sleep 2
  curl -s -o /dev/null -w '%{http_code}\n' "$STORE_URL/"
}

shopper() { curl -s -X POST "$STORE_URL/api/session" | jq -r '"authorization: Bearer \(.token)"'; }

# (Among these lines are those of Envoy's start, of connections without HTTP, and of what came in.)
calls_of() {
  kubectl -n souk logs -l "app.kubernetes.io/name=$1" -c istio-proxy --tail="${2:-300}" |
    jq -cR 'fromjson? | select(.method and (.cluster // "" | startswith("outbound")))'
}

first() { curl -s "$@" "$STORE_URL/api/products?search=salt&limit=1" | jq -r '.items[0].name'; }

buy() {
  local api=$STORE_URL/api json='content-type: application/json' session me tea cart card answer
  session=$(curl -s -X POST "$api/session") me=$(jq -r .user_id <<<"$session")
  auth="authorization: Bearer $(jq -r .token <<<"$session")"
  tea=$(curl -s "$api/products?search=tea&max_price=3000&limit=1" | jq -r '.items[0].slug')
  tea=$(curl -s "$api/products/$tea" | jq -r '.variants[0].id // .id')
  cart=$(curl -s "$api/cart/$me/items" -H "$auth" -H "$json" -d "{\"product_id\":\"$tea\",\"quantity\":1}")
  card=$(curl -s "$api/payments/tokens" -H "$auth" -H "$json" -d '{"number":"4242424242424242","exp_month":12,"exp_year":2031,"cvc":"123","name":"Amira"}')
  answer=$(jq -n --argjson cart "$cart" --argjson card "$card" '{cart_revision: $cart.revision, expected_total_minor: $cart.total_minor,
      currency: $cart.currency, payment_token: $card.payment_token,
      address: {name: "Amira", line1: "12 Lantern Lane", city: "Lisbon", postal_code: "1100-038", country: "PT"}}' |
    curl -s "$api/orders" -H "$auth" -H "$json" -H "idempotency-key: $RANDOM$RANDOM" -d @-)
  order=$(jq -r .id <<<"$answer")
  jq -c '{id, state, status, title, detail} | with_entries(select(.value))' <<<"$answer"
}
