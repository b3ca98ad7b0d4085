# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # expanded in a pod; variables of lib.sh and main/verify
# What the mesh costs, and what all of it came to.

claim cost 600 "what the mesh costs: the same load with sidecars and without, latency and CPU"
claim_cost() {
  local with without
  measure with-mesh
  with=$MEASURED
  # The same store out of the mesh: what the overlay no longer has goes, and all pods come back without
  # sidecars.
  SOUK_IMAGE_LOADER=true deploy "$MAIN/verify.d/mesh/without" || stop "the store could not be taken out of the mesh"
  within 120 no_sidecars || wrong "pods still have sidecars"
  await_ready 120 || stop "the store without a mesh is not ready"
  STORE=http://gateway measure without-mesh
  without=$MEASURED
  SOUK_IMAGE_LOADER=true deploy || stop "the store could not be put back into the mesh"
  # A figure that nobody has measured is none.
  [[ $with != *' 0.00 s'* && $without != *'services 0.00 s'* ]] || wrong "the kubelets tell no CPU of the store's containers"
  saw "with: $with; without: $without"
}
no_sidecars() {
  [[ $(kube get pods -A -l app.kubernetes.io/part-of=souk -o json | jq '[.items[] | select((.spec.initContainers // []) + .spec.containers | any(.name == "istio-proxy"))] | length') == 0 ]]
}
# NAME: half a minute of shoppers by the clock. MEASURED: their times and the CPU meanwhile.
measure() {
  local from to
  from=$(cpu_of_store)
  start_shoppers "$1" --rate 4 --shoppers 64 --mix buy --duration 30s --give-up 20s
  # The kubelets' figures are up to some 15 s old, before as after.
  sleep 45
  to=$(cpu_of_store)
  finish_shoppers "$1"
  MEASURED="$(jq -r '[.actions[] | select(.action | IN("list", "product", "add", "checkout")) | "\(.action) \(.p50_ms)/\(.p99_ms) ms"] | join(", ")' <<<"$SHOPPED"), CPU of services $(awk -v a="$from" -v b="$to" 'BEGIN { split(a, x, " "); split(b, y, " "); printf "%.2f s, of sidecars %.2f s", y[1] - x[1], y[2] - x[2] }')"
}
# Seconds of CPU so far: of the store's own containers, and of sidecars and ingress gateway, by the kubelet.
cpu_of_store() {
  local node
  for node in $(kube get nodes -o jsonpath='{.items[*].metadata.name}'); do
    kube get --raw "/api/v1/nodes/$node/proxy/metrics/resource"
  done | awk -F '[{} ]' '/^container_cpu_usage_seconds_total/ && /namespace="souk(-data|-ingress)?"/ && !/container=""/ && !/verify-/ { split($0, p, "} "); split(p[2], v, " "); if (/container="istio-proxy"/) proxy += v[1]; else own += v[1] } END { print own + 0, proxy + 0 }'
}
