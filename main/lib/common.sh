# shellcheck shell=bash disable=SC2034 # the scripts read these variables
# What main/deploy and main/undeploy have in common. Written for bash 3.2 and newer, as macOS has it.

PROGRAM=${0##*/}
MAIN=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
NAMESPACES='souk souk-data souk-observability souk-partner'
# With the component mesh, besides.
MESH_NAMESPACES='souk-ingress'
LEASE=souk-deploy
LEASE_SECONDS=120
FIELD_MANAGER=souk-deploy

say() {
  printf '%s\n' "$*"
}

fail() {
  printf '%s: %s\n' "$PROGRAM" "$*" >&2
  exit 1
}

# Each question has a limit: a cluster that does not answer is said, not waited for.
kube() {
  kubectl --request-timeout=30s "$@"
}

expect_kubectl() {
  local version
  command -v kubectl >/dev/null || fail "kubectl is missing: https://kubernetes.io/docs/tasks/tools/"
  version=$(kubectl version --client -o json 2>/dev/null | sed -n 's/.*"gitVersion": *"v\([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
  [[ -n $version ]] || fail "'kubectl version --client' does not say which version it is"
  ((${version%%.*} > 1 || ${version#*.} >= 27)) || fail "kubectl is version $version; 1.27 or newer is needed"
}

expect_cluster() {
  local answer version
  CONTEXT=$(kubectl config current-context 2>/dev/null) ||
    fail "kubectl has no current context; choose a cluster: kubectl config get-contexts, then kubectl config use-context NAME"
  answer=$(kubectl --request-timeout=20s get --raw /version 2>&1 </dev/null) ||
    fail "the cluster of context $CONTEXT does not answer: $(tail -n 1 <<<"$answer")"
  version=$(sed -n 's/.*"minor": *"\([0-9]*\).*/\1/p' <<<"$answer")
  ((${version:-0} >= 27)) || fail "the cluster of context $CONTEXT is Kubernetes 1.${version:-?}; 1.27 or newer is needed"
}

# can VERB RESOURCE NAMESPACE. Ends this program when the cluster does not say: that is no "no".
can() {
  local answer
  case $2 in
    */*) answer=$(kube auth can-i "$1" "${2%/*}" --subresource="${2#*/}" -n "$3" 2>&1) || true ;;
    *) answer=$(kube auth can-i "$1" "$2" -n "$3" 2>&1) || true ;;
  esac
  # Warnings may stand before it.
  answer=$(tail -n 1 <<<"$answer")
  case $answer in
    yes*) return 0 ;;
    no*) return 1 ;;
    *) fail "the cluster of context $CONTEXT does not say whether you may $1 $2: $answer" ;;
  esac
}

# The resources of Istio's that Souk uses and this cluster has, with commas before them; nothing without
# a mesh.
mesh_resources() {
  local known one
  known=$(kube get customresourcedefinitions -o name 2>/dev/null) || return 0
  for one in gateways.networking virtualservices.networking destinationrules.networking sidecars.networking \
    serviceentries.networking envoyfilters.networking peerauthentications.security authorizationpolicies.security \
    telemetries.telemetry; do
    ! grep -q "/$one.istio.io\$" <<<"$known" || printf ',%s.istio.io' "$one"
  done
}

# overlay NAME-OR-FOLDER: where it is.
overlay_folder() {
  if [[ -f $MAIN/kubernetes/overlays/$1/kustomization.yaml ]]; then
    echo "$MAIN/kubernetes/overlays/$1"
  elif [[ -f $1/kustomization.yaml ]]; then
    (cd "$1" && pwd)
  else
    fail "there is no overlay '$1'; there are dev, mesh and production (or name a folder with a kustomization.yaml)"
  fi
}

# --- one at a time ------------------------------------------------------------------------------
# A Lease of the API server: whoever holds it deploys. It is renewed while that goes on, however long a
# step takes, so one that somebody left behind is over after two minutes.

_now() {
  date -u +%Y-%m-%dT%H:%M:%S.000000Z
}

# [RESOURCE-VERSION]
_lease() {
  local version=''
  # A text, not a number. (Quotes within ${...} of what follows would be the shell's.)
  [[ -z ${1:-} ]] || version="resourceVersion: \"$1\""
  cat <<Y
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata:
  name: $LEASE
  namespace: souk
  labels: { app.kubernetes.io/part-of: souk }
  $version
spec:
  holderIdentity: "$HOLDER"
  leaseDurationSeconds: $LEASE_SECONDS
  acquireTime: "$(_now)"
  renewTime: "$(_now)"
Y
}

take_lease() {
  local held holder version renewed age refused me
  me="$(id -un)@$(hostname) $$-$RANDOM"
  HOLDER=$me
  if refused=$(_lease | kube create -f - 2>&1 >/dev/null); then
    _keep_lease
    return 0
  fi
  held=$(kube get lease "$LEASE" -n souk -o jsonpath='{.metadata.resourceVersion}|{.spec.renewTime}|{.spec.holderIdentity}' 2>/dev/null) || {
    HOLDER=
    fail "cannot take the lease souk/$LEASE, by which one deploys at a time: $(tail -n 1 <<<"$refused")"
  }
  IFS='|' read -r version renewed holder <<<"$held"
  # Ours: it was made, and the answer was late.
  if [[ $holder != "$me" ]]; then
    age=$(_age "$renewed")
    if ((age <= LEASE_SECONDS)); then
      HOLDER=
      fail "${holder% *} is at work on this store (a sign of life $age s ago); one at a time. Wait, or if that is over for certain: kubectl -n souk delete lease $LEASE"
    fi
    say "The lease of ${holder% *} ran out $((age - LEASE_SECONDS)) s ago; going on in its place."
    # Only if nobody else was faster.
    _lease "$version" | kube replace -f - >/dev/null 2>&1 || {
      HOLDER=
      fail "somebody else has just begun; one at a time"
    }
  fi
  _keep_lease
}

# In the background, for as long as this program lives (even if it is killed, nobody renews after it).
_keep_lease() {
  local program=$$
  (
    trap - EXIT
    n=0
    while sleep 2 && kill -0 "$program" 2>/dev/null; do
      n=$((n + 1))
      ((n % 10 > 0)) || _renew_if_ours || exit 0
    done
  ) </dev/null >/dev/null 2>&1 &
  LEASE_KEEPER=$!
}

# Status 1: it is somebody else's now.
_renew_if_ours() {
  local held
  # A renewal that failed is made good by the next.
  held=$(kube get lease "$LEASE" -n souk -o jsonpath='{.metadata.resourceVersion}|{.spec.holderIdentity}' 2>/dev/null) || return 0
  [[ ${held#*|} == "$HOLDER" ]] || return 1
  # Only this version of it: it cannot be taken over in between.
  kube patch lease "$LEASE" -n souk --type merge -p "{\"metadata\":{\"resourceVersion\":\"${held%%|*}\"},\"spec\":{\"renewTime\":\"$(_now)\"}}" >/dev/null 2>&1 || true
}

_age() {
  local moment
  moment=$(date -u -d "$1" +%s 2>/dev/null || date -j -u -f %Y-%m-%dT%H:%M:%S "${1%%.*}" +%s 2>/dev/null || echo 0)
  echo $(($(date -u +%s) - moment))
}

# Between two steps: goes on only if nobody else has taken over.
renew_lease() {
  local holder
  _renew_if_ours || {
    holder=$(kube get lease "$LEASE" -n souk -o jsonpath='{.spec.holderIdentity}' 2>/dev/null || true)
    fail "the lease is now held by ${holder% *}; this one stops here, theirs goes on"
  }
}

drop_lease() {
  local holder
  if [[ -n ${LEASE_KEEPER:-} ]]; then
    # It may have ended by itself.
    kill "$LEASE_KEEPER" 2>/dev/null || true
    LEASE_KEEPER=
  fi
  [[ -n ${HOLDER:-} ]] || return 0
  holder=$(kube get lease "$LEASE" -n souk -o jsonpath='{.spec.holderIdentity}' 2>/dev/null) || return 0
  # A lease that stays runs out by itself.
  [[ $holder != "$HOLDER" ]] || kube delete lease "$LEASE" -n souk --wait=false >/dev/null 2>&1 || true
  HOLDER=
}
