# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # expanded in a pod; variables of lib.sh and main/verify
# The store in a mesh: comes up, sells, and stays as it is. Also what the other claims look with:
#
#   make_prober NAMESPACE IDENTITY  a pod in the mesh that is let through everywhere but by the callee
#   outside                         the namespace of pods outside the mesh, likewise
#   apply_file FILE, as_it_was      a file of main/istio, and the mesh's normal state
#   sidecar_log POD                 its sidecar's access log, JSON lines

OVERLAY=$MAIN/verify.d/mesh/overlay
STORE=http://ingress-gateway.souk-ingress
MESHED='souk souk-data souk-observability souk-ingress'

claim up 900 "the mesh has what Souk wants, and main/deploy brings the store from an empty namespace to a bought article through the ingress gateway"
claim_up() {
  local from=$SECONDS order told
  told=$("$MAIN/istio/install/check") || { (($? == 3)) || stop "$told"; }
  saw "$(head -n 1 <<<"$told")"
  "$MAIN/istio/certificate"
  deploy || stop "main/deploy failed; its last words are below"
  start_tools
  make_product
  become_shopper
  order=$(buy)
  [[ $(jq -r .state <<<"$order") == confirmed ]] || stop "the first purchase was not confirmed: $(jq -c '{state, reason}' <<<"$order")"
  saw "$((SECONDS - from)) s from no namespace to a confirmed order"
  await_ready 120 || wrong "not all is ready after that"
  # A native sidecar in each, at the mesh's own word.
  told=$(for namespace in $MESHED; do kube get pods -n "$namespace" -l app.kubernetes.io/part-of=souk -o json; done |
    jq -r '.items[] | select(.status.phase == "Running") | "\(.metadata.namespace)/\(.metadata.name) \(if any((.spec.initContainers // [])[]; .name == "istio-proxy" and .restartPolicy == "Always") then "native" elif any(.spec.containers[]; .name == "istio-proxy") then "own" else "none" end)"')
  ! grep ' none$' <<<"$told" || wrong "without a sidecar: $(sed -n 's/ none$//p' <<<"$told" | tr '\n' ' ')"
  saw "$(grep -c ' native$' <<<"$told") pods with a native sidecar, $(grep -c ' own$' <<<"$told") of the ingress gateway; no container of theirs wants more than restricted"
}

claim again 180 "a second main/deploy changes nothing, of Istio's resources neither"
claim_again() {
  local before after
  before=$(state_of_mesh)
  SOUK_IMAGE_LOADER=true deploy
  after=$(state_of_mesh)
  [[ $before == "$after" ]] || wrong "these are not as they were: $(diff <(echo "$before") <(echo "$after") | grep '^[<>]' | awk '{ print $2 }' | sort -u | head -n 6 | tr '\n' ' ')"
  saw "$(wc -l <<<"$before") objects and pods as before"
}
state_of_mesh() {
  local resources
  resources=$(mesh_resources)
  kube get "deployments,statefulsets,services,networkpolicies,requestauthentications.security.istio.io$resources" -A -l app.kubernetes.io/part-of=souk -o json |
    jq -r '.items[] | "\(.kind)/\(.metadata.namespace)/\(.metadata.name) \(.metadata.generation // .metadata.resourceVersion)"' | sort
  kube get pods -A -l app.kubernetes.io/part-of=souk -o json | jq -r '.items[] | select(.metadata.deletionTimestamp == null) | "\(.metadata.namespace)/\(.metadata.name) \(.metadata.uid)"' | sort
}

claim tasks 150 "tasks end beside their sidecars: the starting catalogue, and a backup of all stores from within the mesh"
claim_tasks() {
  local from=$SECONDS pod
  [[ $(kube get job catalogue -n souk -o jsonpath='{.status.succeeded}') == 1 ]] || wrong "the Job catalogue has not ended"
  kube delete job verify-backup -n souk-data --ignore-not-found --wait=true >/dev/null
  kube create job verify-backup --from=cronjob/backup -n souk-data >/dev/null
  kubectl wait job/verify-backup -n souk-data --for=condition=complete --timeout=120s >/dev/null || wrong "a backup is not done after 120 s: $(kube logs -n souk-data job/verify-backup -c backup --tail=2 2>&1 | tr '\n' ' ')"
  pod=$(kube get pods -n souk-data -l batch.kubernetes.io/job-name=verify-backup -o jsonpath='{.items[0].metadata.name}')
  saw "a backup took $((SECONDS - from)) s, $(kube get pod "$pod" -n souk-data -o json | jq -r 'if any(.spec.initContainers[]; .name == "istio-proxy" and .restartPolicy == "Always") then "beside a sidecar" else "WITHOUT a sidecar" end'): $(kube logs -n souk-data "$pod" -c backup --tail=1)"
  kube delete job verify-backup -n souk-data --wait=false >/dev/null
}

# --- pods that ask ---------------------------------------------------------------------------------

# Whatever it is, its sidecar knows everybody and NetworkPolicies let it through, so that it is the
# callee's sidecar that refuses. Gone with the claim.
let_probers_through() {
  local namespace
  for namespace in $MESHED; do
    cat <<Y
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: verify-probers, namespace: $namespace, labels: { souk/verify: helper } }
spec:
  podSelector: {}
  policyTypes: [Ingress]
  ingress:
    - from: [{ namespaceSelector: {}, podSelector: { matchLabels: { souk/verify-prober: "yes" } } }]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: verify-probers-out, namespace: $namespace, labels: { souk/verify: helper } }
spec:
  podSelector: { matchLabels: { souk/verify-prober: "yes" } }
  policyTypes: [Egress]
  egress: [{}]
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: verify-probers, namespace: $namespace, labels: { souk/verify: helper } }
spec:
  workloadSelector: { labels: { souk/verify-prober: "yes" } }
  outboundTrafficPolicy: { mode: ALLOW_ANY }
  egress: [{ hosts: ["*/*"] }]
Y
  done | kube apply -f - >/dev/null
}

# NAMESPACE IDENTITY: the pod verify-as-IDENTITY there, in the mesh. Is not waited for.
make_prober() {
  SERVICE_ACCOUNT=$2 make_pod "$1" "verify-as-$2" "$TOOLS_IMAGE" souk/verify=helper souk/verify-prober=yes sidecar.istio.io/inject=true
}
# NAMESPACE POD: until it is ready.
await_pod() { kubectl wait pod "$2" -n "$1" --for=condition=Ready --timeout=120s >/dev/null || stop "the pod $1/$2 does not start"; }

# --- files of main/istio ---------------------------------------------------------------------------

apply_file() { kube apply --server-side --force-conflicts --field-manager=kubectl -f "$MAIN/istio/$1" >/dev/null; }
# What is in main/istio/traffic and destinations, whatever a claim has put in its place.
as_it_was() {
  kube apply --server-side --force-conflicts --field-manager=kubectl -k "$MAIN/istio/traffic" >/dev/null
  kube apply --server-side --force-conflicts --field-manager=kubectl -k "$MAIN/istio/destinations" >/dev/null
}

# A claim that ended in the middle may have left a fault (after_claim in lib.sh).
put_back() {
  kube get virtualservices.networking.istio.io -n souk -o name >/dev/null 2>&1 || return 0
  well_again || true
  as_it_was >/dev/null 2>&1 || true
}

# NAMESPACE POD [SINCE]: the lines of its sidecar that are of requests.
sidecar_log() { kubectl logs -n "$1" "$2" -c istio-proxy ${3:+"--since-time=$3"} 2>/dev/null | { grep '^{"' || true; } | jq -cR 'fromjson? | select(.method)'; }
