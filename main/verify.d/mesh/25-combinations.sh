# shellcheck shell=bash disable=SC2154 # variables of main/verify
# The component mesh beside all others.

claim combinations 300 "the mesh with the other components, its overlays, and all files that are to be tried out render and are taken by the API server"
claim_combinations() {
  local observed stores replicas tasks=('' backup catalogue 'catalogue backup') o s r files=("$MAIN"/istio/{faults,breakers,rate-limits}/*.yaml)
  # shellcheck source=main/verify.d/combinations.sh
  source "$MAIN/verify.d/combinations.sh"
  if kube get customresourcedefinition httproutes.gateway.networking.k8s.io >/dev/null 2>&1; then
    files+=("$MAIN"/istio/gateway-api/*.yaml)
  else
    saw "not main/istio/gateway-api, whose definitions are not in this cluster"
  fi
  # NAME+ is the component and what the mesh needs besides when it is on. Tasks take turns, so that each
  # meets each of the others: four times as many combinations have the same forms of objects.
  o=0
  for observed in '' observability+ 'observability+ grafana' 'observability+ collector' 'observability+ grafana collector tail-sampling'; do
    s=0
    for stores in '' external-data+; do
      r=0
      for replicas in '' replicas autoscaling+; do
        in_mesh "$observed ${tasks[(o + 2 * s + r) % 4]} $replicas $stores"
        r=$((r + 1))
      done
      s=$((s + 1))
    done
    o=$((o + 1))
  done | try_combinations "$MAIN/kubernetes/overlays/mesh" "$MAIN/kubernetes/examples/own-stores-in-mesh" \
    "$MAIN"/istio/canary/{testers,buckets,mirror,weights,blue-green,only-product-service} "$MAIN/istio/rate-limits/global" "${files[@]}"
}
# COMPONENTS: in the order in which an overlay names them.
in_mesh() {
  local component first='' then=''
  for component in $1; do
    case $component in
      tail-sampling) then+=" ../../istio/telemetry/tail-sampling" ;;
      *+) first+=" ${component%+}" then+=" mesh-${component%+}" ;;
      *) first+=" $component" ;;
    esac
  done
  echo "$first mesh$then"
}
