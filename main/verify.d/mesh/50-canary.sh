# shellcheck shell=bash disable=SC2016,SC2034,SC2153,SC2154 # what is expanded in a pod; variables of lib.sh and main/verify
# Two versions of product-service beside each other: who meets which, and what main/canary makes of a good
# one, of one that errs and of one that is slow.
#
# The second version shows another order in a search (main/istio/canary/newest-first.patch); so an answer
# tells which version gave it.

CANARY=$MAIN/istio/canary
FAULTY=$MAIN/verify.d/mesh/canary
WORD=early-bird # GATEWAY_TESTERS of the overlay

claim versions 1500 "the images of the second version, and of two that have a fault, are there or are built"
claim_versions() {
  local image kind build
  for kind in good errs slow; do
    build=("$CANARY/build")
    [[ $kind == good ]] || build=("$FAULTY/build" "$kind")
    "${build[@]}" --check || stop "the patches of the version '$kind' do not fit this tree"
    image=$("${build[@]}" --image)
    can_start "${build[@]}" && saw "$image is there" && continue
    docker info >/dev/null 2>&1 || skip "$image is not there, and no Docker to build it with"
    "${build[@]}" || stop "$image could not be built"
    saw "$image was built"
  done
}

# Of a claim that was ended in the middle, too.
normal_state() {
  "$MAIN/canary" --abort >/dev/null 2>&1 || true
  kube apply --server-side --force-conflicts -k "$CANARY/only-product-service" >/dev/null || true
}

# FOLDER of main/istio/canary
try_out() { kube apply --server-side --force-conflicts -k "$CANARY/$1" >/dev/null || stop "main/istio/canary/$1 was refused"; }

# Beside the first: canary's pods, without requests. Waits until testers see another order than others:
# OLD and NEW are the first product of each.
second_version() {
  local image
  image=$("$CANARY/build" --image)
  can_start "$CANARY/build" || skip "$image is not there (main/istio/canary/build makes it)"
  normal_state
  "$MAIN/canary" product-service "$image" --by-hand || stop "main/canary --by-hand failed"
}
first_found() { in_store curl -sS --max-time 20 "$@" "$STORE/api/products?search=salt&limit=1" | jq -er '.items[0].sku'; }
differ() { NEW=$(first_found -H "souk-tester: $WORD") && [[ $NEW != "$OLD" ]]; }
expect_two() {
  OLD=$(first_found) || stop "a search finds nothing"
  within 30 differ || stop "testers and others get the same order: $NEW"
}

# COUNT: so many new shoppers, their tokens one a line in the file /tmp/tokens of the tools' pod.
make_shoppers() {
  tools 'curl -sS --parallel --parallel-max 8 --max-time 60 -X POST "$1/api/session#[1-$2]" 2>/dev/null | jq -r .token >/tmp/tokens; wc -l </tmp/tokens' "$STORE" "$1"
}

# TIMES: each of them searches so often, one after the other. Prints a line each time: number of the
# shopper, and the product that came first.
all_search() {
  tools '
    n=0
    while read -r token; do
      n=$((n + 1))
      for ((i = 0; i < $2; i++)); do
        ((n + i == 1)) || echo next
        printf "url = \"%s/api/products?search=salt&limit=1\"\nheader = \"authorization: Bearer %s\"\nsilent\nmax-time = 20\nwrite-out = \"\\\\n%s\\\\n\"\n" "$1" "$token" "$n"
      done
    done </tmp/tokens >/tmp/searches
    curl -K /tmp/searches | paste - - | jq -rR "split(\"\t\") | \"\(.[1]) \(.[0] | fromjson? | .items[0].sku // \"none\")\""' "$STORE" "$1"
}

claim shares 300 "2,000 requests of 2,000 shoppers at 90 to 10 lie within the bounds of chance; plain weights do as well"
claim_shares() {
  local made new kind
  trap normal_state EXIT
  second_version
  try_out testers
  expect_two
  made=$(make_shoppers 2000)
  ((made == 2000)) || stop "$made of 2,000 shoppers got a session"
  for kind in buckets weights; do
    try_out "$kind"
    # Until it is there, at every sidecar.
    within 30 reached "$kind" || stop "main/istio/canary/$kind does nothing"
    all_search 1 >"$WORK/log/shares-$kind"
    new=$(awk -v new="$NEW" '$2 == new' "$WORK/log/shares-$kind" | wc -l)
    [[ $(awk -v old="$OLD" -v new="$NEW" '$2 != old && $2 != new' "$WORK/log/shares-$kind" | wc -l) == 0 ]] || wrong "$kind: answers of neither version"
    [[ $(wc -l <"$WORK/log/shares-$kind") == 2000 ]] || wrong "$kind: $(wc -l <"$WORK/log/shares-$kind") answers"
    ((new >= 156 && new <= 244)) || wrong "$kind: $new of 2,000 shoppers met the new version, and 156 to 244 is what chance allows (99.9 %)"
    saw "$kind: $new of 2,000 met the new version"
  done
}
# Of 80 that look, one at least meets the new version (999 times in 1,000).
reached() {
  tools 'head -n 80 /tmp/tokens | while read -r t; do curl -sS --max-time 20 -H "authorization: Bearer $t" "$1/api/products?search=salt&limit=1" | jq -r ".items[0].sku"; done' "$STORE" | grep -cx "$NEW" >/dev/null
}

claim sides 300 "of 200 shoppers with 10 requests each none changes side, in cart and order neither; with plain weights many do"
claim_sides() {
  local made both new i answer trace side want pods pod marks=0
  trap normal_state EXIT
  second_version
  try_out testers
  expect_two
  made=$(make_shoppers 200)
  ((made == 200)) || stop "$made of 200 shoppers got a session"
  try_out buckets
  within 30 reached buckets || stop "main/istio/canary/buckets does nothing"
  all_search 10 >"$WORK/log/sides"
  both=$(sort -u "$WORK/log/sides" | cut -d ' ' -f 1 | uniq -d | wc -l)
  new=$(awk -v new="$NEW" '$2 == new { print $1 }' "$WORK/log/sides" | sort -u | wc -l)
  [[ $(wc -l <"$WORK/log/sides") == 2000 ]] || wrong "$(wc -l <"$WORK/log/sides") of 2,000 answers came"
  ((both == 0)) || wrong "$both of 200 shoppers met both versions"
  saw "200 shoppers, 2,000 requests: $new had the new version, $both both"

  # Cart and order: which pods of product-service has the trace of each been at?
  make_product
  for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
    # One of the new side for each of the old.
    want=$OLD && ((i % 2 == 0)) || want=$NEW
    TOKEN=$(tools 'sed -n "$1p" /tmp/tokens' "$(awk -v w="$want" '$2 == w { print $1 }' "$WORK/log/sides" | sort -un | sed -n "$(((i + 1) / 2))p")")
    [[ -n $TOKEN ]] || continue
    SHOPPER=$(cut -d . -f 2 <<<"$TOKEN" | tr _- /+ | { base64 -d 2>/dev/null || true; } | grep -o '"sub":"[^"]*' | cut -d '"' -f 4)
    answer=$(order_body) || stop "a shopper could not fill a cart"
    trace=$(in_store curl -sS --max-time 30 -o /dev/null -D - -X POST -H "authorization: Bearer $TOKEN" -H "idempotency-key: sides-$i-$RANDOM" -H 'content-type: application/json' -d "$answer" "$STORE/api/orders" |
      awk 'tolower($1) == "x-request-id:" { gsub(/\r/, "", $2); print $2 }')
    side=stable && [[ $want == "$OLD" ]] || side=canary
    printf '%s %s\n' "$trace" "$side" >>"$WORK/log/sides-orders"
  done
  sleep 2
  while read -r trace side; do
    pods=$(kube get pods -n souk -l app.kubernetes.io/name=product-service -o json | jq -r '.items[] | "\(.metadata.name) \(.metadata.labels["souk/track"])"')
    while read -r pod track; do
      [[ -n $(kubectl logs -n souk "$pod" -c service --since=5m --request-timeout=30s </dev/null | grep -F "$trace" | head -n 1) ]] || continue
      marks=$((marks + 1))
      [[ $track == "$side" ]] || wrong "an order of a shopper of the $side side asked $pod ($track), trace $trace"
    done <<<"$pods"
  done <"$WORK/log/sides-orders"
  ((marks >= 6)) || wrong "only $marks orders were found in the logs of product-service"
  saw "$(wc -l <"$WORK/log/sides-orders") orders: each asked the version of its shopper's side ($marks log lines)"
  rm -f "$WORK/log/sides-orders"

  try_out weights
  within 30 reached weights || stop "main/istio/canary/weights does nothing"
  all_search 10 >"$WORK/log/sides-weights"
  both=$(sort -u "$WORK/log/sides-weights" | cut -d ' ' -f 1 | uniq -d | wc -l)
  ((both > 50)) || wrong "with plain weights only $both of 200 shoppers met both versions: they are not what the page says"
  saw "with plain weights $both of 200 met both"
}

# QUERY: what Prometheus says, as a whole number.
figure() {
  kubectl exec -n souk-observability prometheus-0 -c discovery --request-timeout=30s -- curl -sG --max-time 10 http://127.0.0.1:9090/api/v1/query \
    --data-urlencode "query=$1" </dev/null | jq -r '.data.result[0].value[1] // 0 | tonumber | floor'
}
# TRACK: how many requests the pods that it has now have answered. (Of those before, Prometheus may know for a
# while yet.)
answered() { figure "sum(http_server_request_duration_seconds_count{job=\"product-service\",pod=~\"$(pods_of_track "$1")\",route!~\"/metrics|/health.*|/openapi.json\"})"; }
pods_of_track() {
  kube get pods -n souk -l "app.kubernetes.io/name=product-service,souk/track=$1" -o json | jq -r '[.items[] | select(.metadata.deletionTimestamp == null) | .metadata.name] | join("|")'
}

claim mirror 240 "with every GET mirrored to the canary nothing is bought twice"
claim_mirror() {
  local before after on_hand i orders=0
  trap normal_state EXIT
  second_version
  make_product
  on_hand=$(TOKEN=$TOKEN ask GET "/inventory/$PRODUCT" | jq .on_hand)
  before=$(answered canary)
  try_out mirror
  within 30 mirrored || stop "main/istio/canary/mirror does nothing"
  for i in 1 2 3 4 5 6 7 8 9 10; do
    become_shopper
    [[ $(buy | jq -r .state) == confirmed ]] && orders=$((orders + 1))
  done
  # Two looks of Prometheus.
  sleep 12
  after=$(answered canary)
  become_admin
  ((orders == 10)) || wrong "$orders of 10 orders were confirmed"
  [[ $(ask GET "/inventory/$PRODUCT" | jq .on_hand) == $((on_hand - orders)) ]] || wrong "$on_hand were in stock, $orders orders, and now there are $(ask GET "/inventory/$PRODUCT" | jq .on_hand)"
  # Each order is three looks at the catalogue: into the cart, the cart itself, the order.
  ((after - before >= 3 * orders)) || wrong "the canary has answered only $((after - before)) requests meanwhile"
  saw "$orders orders took $orders of $on_hand; the canary answered $((after - before)) copies, which nobody saw"
}
mirrored() {
  local had
  had=$(answered canary)
  first_found >/dev/null && sleep 6
  (($(answered canary) > had))
}

# Shoppers, and besides them many that only look around, in all buckets: what is compared needs requests.
# They have cookies that no one has signed: the gateway derives the bucket from them, and who looks around
# needs no session.
start_crowd() {
  start_shoppers "$1" --rate 2 --shoppers 40 --think 300ms --duration 900s --give-up 30s --admin-password-file /journal/admin-password
  tools 'look() {
      while :; do
        for ((i = 0; i < 200; i++)); do
          ((i == 0)) || echo next
          sub=$(printf "{\"sub\":\"%08x-0000-4000-8000-%012x\",\"x\":1}" "$RANDOM$RANDOM" "$RANDOM" | base64 -w 0 | tr +/ -_ | tr -d =)
          set -- "products?limit=12" "products?search=salt" "products?search=tea&limit=3" categories
          shift $((RANDOM % 4))
          printf "url = \"%s/api/%s\"\nheader = \"cookie: souk_souk_shopper=e30.%s.x\"\nsilent\noutput = /dev/null\nmax-time = 20\nrate = \"1800/m\"\n" "$STORE" "$1" "$sub"
        done >/tmp/look.$BASHPID
        curl -K /tmp/look.$BASHPID
      done
    }
    export -f look
    for n in 1 2; do STORE=$1 timeout 900 bash -c look </dev/null >/dev/null 2>&1 & echo $!; done >/journal/crowd.pid' "$STORE"
}
stop_crowd() {
  tools 'kill $(</journal/crowd.pid) 2>/dev/null; rm -f /journal/crowd.pid' || true
  finish_shoppers "$1"
}

# KIND ARGUMENT...: main/canary with that version, while the crowd is there. Prints how it ended.
run_canary() {
  local image=$1
  shift
  # Slow is what is slower than the half hour before.
  within 90 usual_is_known || stop "Prometheus does not know what is usual"
  SOUK_IMAGE_LOADER=true timeout 400 "$MAIN/canary" product-service "$image" "$@" >"$WORK/log/canary-run" 2>&1
}
usual_is_known() { (($(figure 'sum(increase(http_server_request_duration_seconds_count{job="product-service",track="stable",route=~"/products.*"}[30m]))') > 300)); }
told() { sed -n "s/^ *[0-9]* s  $1//p" "$WORK/log/canary-run" | head -n 1 | cut -c 1-400; }
gone() { [[ -z $(kube get deployments -n souk -l souk/canary=yes -o name) && -z $(kube get configmap canary -n souk --ignore-not-found -o name) ]]; }
running_version() { kube get deployment product-service -n souk -o jsonpath='{.spec.template.spec.containers[?(@.name=="service")].image}'; }

# BUILD [WORD]: the image that it names, in the cluster.
prepare_canary() {
  local image
  image=$("$@" --image)
  can_start "$@" || skip "$image is not there, or not of what is here now"
  CONTEXT=$(kubectl config current-context)
  printf 'image: %s\n' "$image" >"$WORK/canary.yaml"
  ! docker image inspect "$image" >/dev/null 2>&1 || bring_images "$WORK/canary.yaml"
  normal_state
}

claim canary-good 600 "main/canary promotes a good version, and no shopper meets anything"
claim_canary_good() {
  local image status=0 met before
  image=$("$CANARY/build" --image)
  before=$(running_version)
  prepare_canary "$CANARY/build"
  trap 'normal_state; kube set image deployment/product-service -n souk "service=$before" "migrate=$before" >/dev/null' EXIT
  start_crowd canary-good
  run_canary "$image" --steps "20 50" --hold 30 || status=$?
  stop_crowd canary-good
  met=$(shoppers_met)
  ((status == 0)) || wrong "main/canary ended with status $status: $(told 'ROLLED BACK: ')$(tail -n 1 "$WORK/log/canary-run")"
  [[ $(running_version) == "$image" ]] || wrong "product-service runs as $(running_version)"
  gone || wrong "the canary has left something"
  [[ -z $met ]] || wrong "shoppers met: $met"
  saw "$(grep -c 'requests,' "$WORK/log/canary-run") looks; the last:$(grep 'requests,' "$WORK/log/canary-run" | tail -n 1 | sed 's/^ *[0-9]* s *//'); $(jq .bought <<<"$SHOPPED") purchases confirmed meanwhile"
  # The version that the overlay says, for the claims that follow.
  kube set image deployment/product-service -n souk "service=$before" "migrate=$before" >/dev/null
  kubectl rollout status deployment/product-service -n souk --timeout=180s >/dev/null || wrong "the version before did not come back"
  trap normal_state EXIT
}

# KIND WHY: a version with a fault is rolled back, for that reason.
bad_canary() {
  local image status=0 before
  image=$("$FAULTY/build" "$1" --image)
  before=$(running_version)
  prepare_canary "$FAULTY/build" "$1"
  trap normal_state EXIT
  start_crowd "canary-$1"
  run_canary "$image" --steps "20 50" --hold 30 || status=$?
  stop_crowd "canary-$1"
  ((status == 3)) || wrong "main/canary ended with status $status: $(tail -n 2 "$WORK/log/canary-run" | tr '\n' ' ')"
  [[ $(told 'ROLLED BACK: ') == *"$2: "* ]] || wrong "it was rolled back for another reason: $(told 'ROLLED BACK: ')"
  [[ $(running_version) == "$before" ]] || wrong "product-service runs as $(running_version)"
  gone || wrong "the canary has left something"
  OLD=$(first_found) || wrong "a search fails afterwards"
  saw "$(told 'ROLLED BACK: ')"
  saw "$(jq .bought <<<"$SHOPPED") purchases confirmed meanwhile"
}

claim canary-errs 480 "main/canary rolls back a version that errs, and says why; no order is lost (claim books)"
claim_canary_errs() { bad_canary errs failed; }

claim canary-slow 480 "main/canary rolls back a version that is only slow, and says why"
claim_canary_slow() { bad_canary slow slow; }

claim canary-ended 240 "a canary that is ended by ^C puts back what was there; one that is killed leaves what --abort puts back"
claim_canary_ended() {
  local image pid
  image=$("$CANARY/build" --image)
  prepare_canary "$CANARY/build"
  trap normal_state EXIT
  first_found >/dev/null
  for signal in INT KILL; do
    SOUK_IMAGE_LOADER=true "$MAIN/canary" product-service "$image" --steps 50 >"$WORK/log/canary-run" 2>&1 &
    pid=$!
    within 120 grep -q 'of the shoppers have' "$WORK/log/canary-run" || stop "no step began: $(tail -n 1 "$WORK/log/canary-run")"
    within 20 sees_new || wrong "with half of the shoppers, no request of 20 met the canary"
    # In the background ^C is ignored by a shell's children; TERM is what it takes there.
    if [[ $signal == INT ]]; then kill -TERM "$pid"; else kill -KILL "$pid"; fi
    wait "$pid" 2>/dev/null || true
    if [[ $signal == KILL ]]; then
      ! gone || wrong "killed, the canary has left nothing to put back"
      # The lease of one that was killed runs out after two minutes.
      kube delete lease "$LEASE" -n souk --ignore-not-found >/dev/null
      "$MAIN/canary" --abort >"$WORK/log/canary-abort" 2>&1 || wrong "--abort failed: $(tail -n 1 "$WORK/log/canary-abort")"
    fi
    gone || wrong "after $signal the canary has left something"
    [[ $(kube get virtualservice product-service -n souk -o json | jq '[.spec.http[] | select(.name | test("^(canary|baseline|tester)-"))] | length') == 0 ]] || wrong "after $signal its routes are still there"
  done
  saw "both put back: routes, Deployments, the note of what was there"
}
sees_new() {
  local i
  OLD=${OLD:-$(first_found)}
  for i in 1 2 3 4 5 6 7 8 9 10; do
    become_shopper
    [[ $(first_found -H "authorization: Bearer $TOKEN") == "$OLD" ]] || return 0
  done
  return 1
}

claim blue-green 420 "main/canary --blue-green switches all shoppers at once, with no failed request, and promotes"
claim_blue_green() {
  local image status=0 met before
  image=$("$CANARY/build" --image)
  before=$(running_version)
  prepare_canary "$CANARY/build"
  trap 'normal_state; kube set image deployment/product-service -n souk "service=$before" "migrate=$before" >/dev/null' EXIT
  start_crowd blue-green
  run_canary "$image" --blue-green --hold 30 || status=$?
  stop_crowd blue-green
  met=$(shoppers_met)
  ((status == 0)) || wrong "it ended with status $status: $(told 'ROLLED BACK: ')$(tail -n 1 "$WORK/log/canary-run")"
  [[ $(running_version) == "$image" ]] || wrong "product-service runs as $(running_version)"
  gone || wrong "it has left something"
  [[ -z $met ]] || wrong "shoppers met: $met"
  saw "$(grep 'requests,' "$WORK/log/canary-run" | tail -n 1 | sed 's/^ *[0-9]* s *//')"
  kube set image deployment/product-service -n souk "service=$before" "migrate=$before" >/dev/null
  kubectl rollout status deployment/product-service -n souk --timeout=180s >/dev/null || wrong "the version before did not come back"
  trap normal_state EXIT
}
