# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # expanded in a pod; variables of lib.sh and main/verify
# What the mesh brings along can be replaced and can die, too.

claim rolls 480 "each service, nginx, the ingress gateway and istiod rolled under load: no failed request"
claim_rolls() {
  local name namespace from told=''
  start_load rolls
  for name in inventory-service product-service order-service gateway ingress-gateway istiod; do
    namespace=$(in_namespace "$name") from=$SECONDS
    [[ $name != istiod ]] || namespace=istio-system
    kube rollout restart deployment "$name" -n "$namespace" >/dev/null
    kubectl rollout status deployment "$name" -n "$namespace" --timeout=150s >/dev/null || wrong "$name is not rolled after 150 s"
    told+=" $name $((SECONDS - from)) s"
  done
  # The old ones end only now.
  sleep 15
  finish_load rolls
  saw "rolled:$told"
}

claim sidecars-killed 300 "SIGKILL of sidecars of every kind, and of the ingress gateway, while shoppers buy: failures within 10 s of a kill only, every checkout that is repeated ends as one order"
claim_sidecars_killed() {
  local name pod namespace late count
  kubectl exec -n souk "$(pod_of cart-service)" -c istio-proxy -- bash -c true >/dev/null 2>&1 ||
    skip "the mesh's image has no shell to kill an Envoy with (distroless)"
  crowd sidecars-killed 240
  for name in ingress-gateway gateway product-service cart-service order-service payment-service inventory-service order-db redis; do
    pod=$(pod_of "$name") namespace=$(in_namespace "$name")
    mark "$name"
    # Of the proxy's own user; what started it ends with it, and the kubelet starts both again.
    kill_envoy "$namespace" "$pod" || { wrong "the Envoy of $name could not be killed"; continue; }
    excuse "$namespace" "$pod" istio-proxy
    within 60 envoy_is_back "$namespace" "$pod" || wrong "$name: its Envoy is not back after 60 s"
    sleep 6
  done
  finish_shoppers sidecars-killed
  count=$(happened sidecars-killed | grep -c ' bad' || true)
  late=$(happened sidecars-killed | awk 'NR == FNR { at[++n] = $1; next } $2 == "bad" { near = 0; for (i = 1; i <= n; i++) if ($1 >= at[i] && $1 - at[i] <= 10000) near = 1; if (!near) print }' "$WORK/marks" -)
  [[ -z $late ]] || wrong "$(wc -l <<<"$late") failures later than 10 s after a kill: $(head -n 3 <<<"$late" | tr '\n' ',')"
  saw "$(wc -l <"$WORK/marks") Envoys killed; of $(jq .requests <<<"$SHOPPED") requests $count failed, all within 10 s of a kill"
  saw "$(jq .checkouts <<<"$SHOPPED") checkouts, $(jq .bought <<<"$SHOPPED") confirmed at once"
  judge 60
}
kill_envoy() {
  kubectl exec -n "$1" "$2" -c istio-proxy -- bash -c 'n=1; for p in /proc/[0-9]*; do [[ $(tr "\0" " " <"$p/cmdline") != */envoy\ * ]] || { kill -9 "${p#/proc/}"; n=0; }; done 2>/dev/null; exit $n'
}
# The count of its restarts has risen, and it is ready.
envoy_is_back() {
  kube get pod "$2" -n "$1" -o json | jq -e '[(.status.initContainerStatuses // [])[], .status.containerStatuses[]] | any(.[]; .name == "istio-proxy" and .restartCount > 0 and .ready) and all(.[]; .ready or (.state.terminated.reason == "Completed"))' >/dev/null
}
