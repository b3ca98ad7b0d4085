# shellcheck shell=bash disable=SC2034,SC2154 # variables of lib.sh and main/verify
# New versions and other settings come while shoppers buy.

claim roll 420 "each service and the gateway rolled under load without a failed request; how long requests still reach a pod that is told to end"
claim_roll() {
  local name pod namespace container old rolled='' from told latest
  start_load roll
  rm -f "$WORK"/log/rolled-*
  for name in "${PROGRAMS[@]}" gateway; do
    namespace=$(in_namespace "$name") container=service from=$SECONDS
    [[ $name != gateway ]] || container=gateway
    old=$(pods_of "$name")
    for pod in $old; do
      # To its end: it tells when it was told to end, and what came after that.
      kubectl logs -f --tail=0 -n "$namespace" "$pod" -c "$container" >"$WORK/log/rolled-$pod" 2>/dev/null &
    done
    kube rollout restart deployment "$name" -n "$namespace" >/dev/null
    kubectl rollout status deployment "$name" -n "$namespace" --timeout=150s >/dev/null || wrong "$name is not rolled after 150 s"
    for pod in $old; do
      ! pods_of "$name" | grep -qx "$pod" || wrong "$pod is still there"
      [[ $name != gateway ]] || kube get pod "$pod" -n souk -o json 2>/dev/null |
        jq -r '(.metadata.deletionTimestamp | fromdate) - .metadata.deletionGracePeriodSeconds' >"$WORK/log/ended-$pod" || true
    done
    rolled+=" $name $((SECONDS - from)) s"
  done
  # Each follows the log of a pod that ends.
  wait
  finish_load roll
  saw "rolled:$rolled"
  # A service says `draining` when it is told. Requests that came through the gateway count, which opens
  # a connection for each; other services go on using those that they have, each for one more answer.
  told=$(for pod in "$WORK"/log/rolled-*-service-*; do last_request "$pod"; done)
  latest=$(sort -n <<<"$told" | tail -n 1)
  if [[ -z $latest ]]; then
    wrong "no pod's log tells when it was told to end"
  else
    saw "$(grep -c . <<<"$told") pods that were told to end got their last new connection after ${latest% *} ms at most (${latest#* }), and serve on for DRAIN_DELAY_MS 10000"
    ((${latest% *} < 9000)) || wrong "that leaves less than a second"
  fi
  told=$(for pod in "$WORK"/log/rolled-gateway-*; do last_page "$pod"; done | sort -n | tail -n 1)
  [[ -z $told ]] || saw "the gateway's within $((told + 1)) s, of 10 of its preStop"
}
# FILE: milliseconds from `draining` to the arrival of the last request that is no probe and not of
# another service (which ask for products as anybody may), and whose pod.
last_request() {
  jq -Rrs --arg pod "${1##*/rolled-}" '
    def ms: (.[0:19] + "Z" | fromdate) * 1000 + (.[20:23] | tonumber);
    [split("\n")[] | fromjson?] | (first(.[] | select(.message == "draining") | .ts | ms) // empty) as $told
    | [.[] | select(.message == "request" and (.route | test("^/(health|metrics|products$)") | not) and (.caller | startswith("service(") | not)) | (.ts | ms) - .duration_ms | select(. >= $told)]
    | "\(((max // $told) - $told) | round) \($pod)"' "$1"
}
# FILE: seconds, cut off, from the gateway's deletion to the last plain GET in its log, each of which
# comes by a connection of its own; shoppers keep theirs.
last_page() {
  local ended
  ended=$(cat "$WORK/log/ended-${1##*/rolled-}" 2>/dev/null) || return 0
  [[ -n $ended ]] || return 0
  jq -Rrs --argjson ended "$ended" '[split("\n")[] | fromjson? | select(.agent | startswith("curl"))
    | .ts[0:19] + "Z" | fromdate | . - $ended | select(. >= 0)] | max // 0' "$1"
}

claim configuration 420 "a changed configuration, and the change back, roll all pods at once under load without a failed request"
claim_configuration() {
  local before now
  before=$(kube get deployment order-service -n souk -o jsonpath='{.spec.template.spec.containers[0].envFrom[0].configMapRef.name}')
  start_load configuration
  SOUK_IMAGE_LOADER=true deploy "$MAIN/verify.d/kubernetes/changed"
  now=$(kube get pods -n souk -l app.kubernetes.io/name=order-service -o json | jq -r '[.items[] | select(.metadata.deletionTimestamp == null) | .spec.containers[0].envFrom[0].configMapRef.name] | unique | join(" ")')
  [[ $now != "$before" && $now != *' '* ]] || wrong "the pods of order-service have the ConfigMap $now, and had $before"
  SOUK_IMAGE_LOADER=true deploy
  now=$(kube get pods -n souk -l app.kubernetes.io/name=order-service -o json | jq -r '[.items[] | select(.metadata.deletionTimestamp == null) | .spec.containers[0].envFrom[0].configMapRef.name] | unique | join(" ")')
  [[ $now == "$before" ]] || wrong "changed back, the pods of order-service have the ConfigMap $now, and had $before"
  finish_load configuration
}
