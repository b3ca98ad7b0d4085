# shellcheck shell=bash disable=SC2034,SC2154 # variables of lib.sh and local/verify
# What an operator does to a running stack.

claim scale 150 "--scale product-service=3 on the running stack: each replica has its share within 10 s"
claim_scale() {
  local ready told
  # Asks for products without end, and writes down each second what each replica has answered.
  # shellcheck disable=SC2016 # expanded there
  docker run -d --label "souk.verify=$PROJECT" --name "$PROJECT-prober" --network "${PROJECT}_services" --entrypoint bash "$TOOLS" -c '
    for _ in 1 2 3; do
      while :; do curl -s --max-time 60 -o /dev/null "http://gateway:8080/api/products?limit=[1-40]&min_price=[1-50]"; done &
    done
    while :; do
      line=${EPOCHREALTIME/[.,]/}
      line=${line%???}
      for address in $(getent ahostsv4 product-service | awk "{ print \$1 }" | sort -u); do
        n=$(curl -s --max-time 2 "http://$address:8001/metrics" |
          awk "/^http_server_request_duration_seconds_count[{].*route=\"[/]products\"/ { n += \$2 } END { printf \"%d\", n }")
        line+=" $address=$n"
      done
      echo "$line"
      sleep 0.7
    done' >/dev/null
  sleep 3
  compose up -d --no-deps --no-recreate --no-build --wait --scale product-service=3 product-service
  ready=$(now_ms)
  [[ $(containers product-service | wc -l) == 3 ]] || stop "$(containers product-service | wc -l) replicas run"
  sleep 13
  told=$(docker logs "$PROJECT-prober" 2>&1)
  docker rm -f "$PROJECT-prober" >/dev/null
  compose up -d --no-deps --no-recreate --no-build --scale product-service=1 product-service
  echo "ready $ready"
  echo "$told"
  # The first span between two lines in which each of three had at least a fifth.
  told=$(awk -v ready="$ready" '{
    all = 0; n = 0; least = 1e9; text = ""
    for (i = 2; i <= NF; i++) { split($i, p, "="); now[p[1]] = p[2]; if (p[1] in was) { d[i] = p[2] - was[p[1]]; all += d[i]; n++ } else d[i] = 0 }
    if (n == 3 && all < 30) next
    if (n == 3) {
      for (i = 2; i <= NF; i++) { share = 100 * d[i] / all; if (share < least) least = share; text = text sprintf(" %d %%", share) }
      if (least >= 20) { printf "%d %s of %d requests\n", ($1 > ready ? $1 - ready : 0), text, all; exit }
    }
    for (a in now) was[a] = now[a]
  }' <<<"$told")
  [[ -n $told ]] || stop "13 s after the replicas were healthy the load is not spread"
  ((${told%% *} <= 10000)) || wrong "it took ${told%% *} ms"
  saw "$(tenths "${told%% *}") s after they were healthy, each had its share:${told#* }"
}

claim roll 420 "local/roll replaces each service under load without a failed request"
claim_roll() {
  local name said id since
  since=$(date -u +%FT%TZ)
  start_shoppers roll --shoppers 15 --think 60ms --duration 400s --admin-password-file /journal/admin-password
  # Besides, one who opens a connection for each request and counts everything that is no success.
  docker run -d --label "souk.verify=$PROJECT" --name "$PROJECT-prober" --network "${PROJECT}_services" --entrypoint bash "$TOOLS" -c '
    trap "echo tried \$n failed \$failed; exit" TERM
    n=0 failed=0
    while :; do
      for path in products?limit=3 categories inventory?limit=1 .well-known/jwks.json; do
        n=$((n + 1))
        code=$(curl -s --max-time 10 -o /dev/null -w "%{http_code} %{time_total}" "http://gateway:8080/api/$path")
        [[ $code == 200* ]] || { failed=$((failed + 1)); echo "$(date -u +%T.%N) $path $code"; }
      done
      sleep 0.02
    done' >/dev/null
  sleep 5
  for name in "${PROGRAMS[@]}"; do
    id=$(container "$name")
    said=$("$here/roll" "$name" 2>&1) || { wrong "rolling $name failed: $(tail -n 2 <<<"$said" | tr '\n' ' ')" && continue; }
    [[ $(container "$name") != "$id" ]] || wrong "$name is still the same container"
    [[ $(containers "$name" | wc -l) == 1 ]] || wrong "there are $(containers "$name" | wc -l) containers of $name"
    [[ $said != *'roll: '* ]] || wrong "$(grep 'roll: ' <<<"$said")"
    echo "$said"
  done
  docker kill -s TERM "$PROJECT-prober" >/dev/null
  timeout 20 docker wait "$PROJECT-prober" >/dev/null
  said=$(docker logs "$PROJECT-prober" 2>&1)
  [[ $(tail -n 1 <<<"$said") == *'failed 0' ]] || wrong "$(tail -n 1 <<<"$said"): $(head -n 5 <<<"$said" | tr '\n' ',')"
  finish_shoppers roll
  # What a shopper should not have asked (402, 404, 409) is an answer like any other. Some leave
  # before the answer comes, of their own. A kept connection that ends between two requests is not
  # of them either: HTTP lets a server do that, and the client opens another.
  name=$(jq -r '[.actions[] | .action as $a | ((.refusals // {}) | to_entries[] | select(.key | test("^(5|429)")) | "\($a) \(.key): \(.value)"),
    ((.losses // {}) | to_entries[] | select(.key | test("^(left|time over|kept connection was closed)$") | not) | "\($a) lost, \(.key): \(.value)")] | join(", ")' <<<"$SHOPPED")
  [[ -z $name ]] || wrong "shoppers met: $name"
  # All that was asked by anybody, also by those who had left.
  name=$(docker logs --since "$since" "$(container gateway)" 2>/dev/null | jq -Rr 'fromjson? | select(.status >= 500) | "\(.status) \(.method) \(.path)"' | sort | uniq -c | head -n 5 | tr '\n' ',')
  [[ -z $name ]] || wrong "the gateway answered $name"
  saw "6 services rolled; single requests: $(tail -n 1 <<<"$said"); shoppers' $(jq .requests <<<"$SHOPPED") requests without a 5xx or a lost answer ($(jq '[.actions[].losses["kept connection was closed"] // 0] | add' <<<"$SHOPPED") found their kept connection ended, and opened another)"
}

claim roll-refuses 150 "local/roll says what it cannot do, and an unhealthy new container leaves the old one"
claim_roll_refuses() {
  local said id word
  for word in '' nonsense postgres --wrong 'cart-service order-service'; do
    # shellcheck disable=SC2086 # words
    said=$("$here/roll" $word 2>&1) && wrong "roll '$word' succeeded"
    [[ $said == 'roll: '* ]] || wrong "roll '$word' says: $said"
  done
  id=$(container inventory-service)
  # An image that starts, and is never ready: its database has another password.
  cp "$WORK/env" "$WORK/env.bad"
  sed -i.old 's/^POSTGRES_PASSWORD_INVENTORY=.*/POSTGRES_PASSWORD_INVENTORY=not-the-password/' "$WORK/env.bad"
  said=$(SOUK_ENV_FILE=$WORK/env.bad ROLL_SECONDS=12 "$here/roll" inventory-service 2>&1) && wrong "rolling to an unhealthy container succeeded"
  [[ $said == *'old ones serve on'* ]] || wrong "it says: $(tail -n 2 <<<"$said")"
  [[ $(compose ps -a --quiet inventory-service) == "$id" ]] || wrong "the old container is not the only one"
  is_healthy "$id" || wrong "the old container is not healthy"
  make_product && become_shopper
  [[ $(buy | jq -r .state) == confirmed ]] || wrong "a purchase after that failed"
  saw "5 wrong usages named; the unhealthy one was removed, the old one serves on: $(grep 'roll: ' <<<"$said" | tail -n 1)"
}

claim roll-gateway 120 "local/roll gateway says how long its gap was"
claim_roll_gateway() {
  local said
  said=$("$here/roll" gateway 2>&1) || stop "$said"
  within 20 curl -sf --max-time 2 -o /dev/null "$STORE/" || wrong "the store does not answer after that"
  within 30 all_healthy || wrong "the gateway is not healthy after that"
  saw "$(tail -n 1 <<<"$said")"
}

claim stop 150 "SIGTERM: each program ends within its drain time, in the middle of traffic, with exit status 0"
claim_stop() {
  local name id from limit seen='' list=() code
  start_shoppers stop --shoppers 10 --duration 60s
  sleep 4
  from=$(now_ms)
  for name in gateway "${PROGRAMS[@]}"; do
    id=$(container "$name")
    list+=("$id")
    { docker stop "$id" >/dev/null && now_ms >"$WORK/stopped-$name"; } &
  done
  wait
  for name in gateway "${PROGRAMS[@]}"; do
    id=${list[0]} list=("${list[@]:1}")
    code=$(look '{{.State.ExitCode}}' "$id")
    limit=$(look '{{.Config.StopTimeout}}' "$id")
    [[ $code == 0 ]] || wrong "$name ended with status $code"
    seen+=" $name $(tenths $(($(<"$WORK/stopped-$name") - from)))"
    (($(<"$WORK/stopped-$name") - from < limit * 1000)) || wrong "$name took all of its $limit s"
  done
  compose up -d --no-build --no-recreate --wait --wait-timeout 60
  finish_shoppers stop
  saw "seconds:$seen"
}

claim small 240 "without observability the store sells all the same"
claim_small() {
  local name memory
  cp "$WORK/env" "$WORK/env.whole"
  for name in COMPOSE_PROFILES OTLP_ENDPOINT PROMETHEUS_URL JAEGER_QUERY_URL; do set_value "$name" ""; done
  compose --profile '*' stop prometheus alertmanager jaeger postgres-exporter redis-exporter
  compose up -d --no-build --wait --wait-timeout 120
  make_product && become_shopper
  [[ $(buy | jq -r .state) == confirmed ]] || wrong "a purchase failed"
  memory=$(docker stats --no-stream --format '{{.Name}} {{.MemUsage}}' | awk -v p="$PROJECT-" 'index($1, p) == 1 { v = $2; u = v; gsub(/[0-9.]/, "", u); sub(/[A-Za-z]+/, "", v);
    n += v * (u == "GiB" ? 1024 : u == "KiB" ? 1 / 1024 : 1) } END { printf "%d", n }')
  cp "$WORK/env.whole" "$WORK/env"
  compose up -d --no-build --wait --wait-timeout 120
  saw "a purchase confirmed; the store's containers use $memory MiB"
}

claim volumes 240 "orders, carts, keys and figures outlive down and up"
claim_volumes() {
  local id mine cart
  make_product && become_shopper
  id=$(buy | jq -er .id)
  cart=$(ask POST "/cart/$SHOPPER/items" "{\"product_id\":\"$PRODUCT\",\"quantity\":3}" | jq -c '[(.lines // .items)[] | {product_id, quantity}]')
  compose down --timeout 30
  [[ -z $(compose ps -aq) ]] || wrong "containers are left after down"
  compose up -d --no-build --wait --wait-timeout 200
  # With the same token: the key that signed it is there, too.
  mine=$(ask GET "/orders/$id" | jq -r .state) || wrong "the order is not there"
  [[ $mine == confirmed ]] || wrong "the order is $mine"
  [[ $(ask GET "/cart/$SHOPPER" | jq -c '[(.lines // .items)[] | {product_id, quantity}]') == "$cart" ]] || wrong "the cart is not as it was"
  become_admin
  [[ $(ask GET "/inventory/$PRODUCT" | jq .available) -gt 900 ]] || wrong "the stock is gone"
  if [[ $(value_of COMPOSE_PROFILES) == *observability* ]]; then
    [[ $(prometheus 'count_over_time(up{job="prometheus"}[30m])' | jq -r '.[0].value[1] // 0') -gt 6 ]] || wrong "Prometheus's figures are gone"
  fi
  saw "the order, 3 in the cart, the shopper's session, stock and Prometheus's figures are there after down and up"
}
