# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # what is expanded in a pod; variables of main/verify and of the claims
# What the claims look with; tests/claims.sh is what they say it with. main/lib/common.sh is read
# before this (kube, NAMESPACES).
#
#   deploy [OVERLAY]                main/deploy of the proof's overlay (or of another)
#   await_ready SECONDS             until all that main/deploy has applied is there and ready
#   pods_of NAME, pod_of NAME       a workload's ready pods, as names; the first of them
#   in_namespace NAME               the namespace that a workload is in
#   inside NAMESPACE POD [CONTAINER]
#                                   runs the script on standard input in an ephemeral container there
#   excuse NAMESPACE POD CONTAINER  one restart of it was ours (`steady` asks)
#   in_store, ask, buy, ...         requests from the pod souk/verify-tools
#   start_shoppers, finish_shoppers, shoppers_met
#   start_getting, finish_getting   plain GETs, each by a connection of its own
#   judge                           souk-verdict over all journals so far, and audit

OVERLAY=$MAIN/verify.d/kubernetes/overlay
# Of no store: what claims make. They have the label souk/verify=helper, as all that goes with the
# claim that has made it.
OWN_NAMESPACES='verify-stranger verify-souk verify-souk-data verify-souk-observability verify-souk-partner verify-souk-ingress'
SERVICES=(product-service cart-service order-service payment-service inventory-service)
PROGRAMS=("${SERVICES[@]}" mock-gateway)
DATABASES=(product-db order-db payment-db inventory-db)
STORE=http://gateway

before_claim() {
  read_settings
  # The first claim makes the store, and then these.
  ! kube get deployment gateway -n souk >/dev/null 2>&1 || start_tools
}

# What a claim has left, ended in the middle or not. A proof whose claims leave something besides has a
# function put_back.
after_claim() {
  local node
  # What the claim `secrets` has read.
  rm -rf "$WORK/known"
  ! type -t revive >/dev/null || revive
  tools 'for f in /journal/*.pid; do [[ ! -e $f ]] || kill $(<"$f") 2>/dev/null; rm -f "$f"; done' >/dev/null 2>&1 || true
  kubectl delete "pods,networkpolicies$(mesh_resources)" -A -l souk/verify=helper --wait=false --request-timeout=30s >/dev/null 2>&1 || true
  kubectl delete namespaces -l souk/verify=helper --wait=false --request-timeout=30s >/dev/null 2>&1 || true
  [[ ! -s $WORK/cordoned ]] || while read -r node; do kube uncordon "$node" >/dev/null || printf 'verify: %s could not be uncordoned\n' "$node" >&2; done <"$WORK/cordoned"
  rm -f "$WORK/cordoned"
  ! type -t put_back >/dev/null || put_back
}

# --- the cluster and the store ---------------------------------------------------------------------

cluster_id() { kube get namespace kube-system -o jsonpath='{.metadata.uid}'; }

# What is not the store's, but could be left by it.
belongings() { kube get namespaces,persistentvolumes,clusterroles,clusterrolebindings,customresourcedefinitions,priorityclasses -o name 2>/dev/null | sort; }

make_settings() {
  CLUSTER=$(cluster_id)
  printf 'CLUSTER=%s\n' "$CLUSTER" >"$WORK/settings"
  belongings >"$WORK/before"
  read_settings
}

read_settings() {
  CLUSTER=$(sed -n 's/^CLUSTER=//p' "$WORK/settings")
  VERSION=$(<"$root/VERSION")
  CURRENCY=$(sed -n 's/^CURRENCY=//p' "$MAIN/kubernetes/base/souk/store.env")
}

admin_password() { kube get secret administrator -n souk -o jsonpath='{.data.password}' | base64 --decode; }

# [OVERLAY]: a roll-out that fails is told by main/deploy itself, in the claim's log.
deploy() {
  "$MAIN/deploy" --overlay "${1:-$OVERLAY}" --timeout "${2:-600}"
}

remove_store() {
  local left
  kube delete namespaces -l souk/verify=helper --wait=false >/dev/null 2>&1 || true
  # Of a deploy that was ended in the middle; nobody else deploys here.
  kube delete lease "$LEASE" -n souk --ignore-not-found >/dev/null 2>&1 || true
  "$MAIN/undeploy" --data --yes >/dev/null || {
    printf 'verify: not all of the store could be removed; try: main/undeploy --data\n' >&2
    return 0
  }
  [[ -s $WORK/before ]] || return 0
  # Volumes go a little after their claims.
  within 60 nothing_left || {
    left=$(comm -13 "$WORK/before" <(belongings) | tr '\n' ' ')
    printf 'verify: the cluster has more than before: %s\n' "$left" >&2
  }
}
nothing_left() { [[ -z $(comm -13 "$WORK/before" <(belongings)) ]]; }

await_ready() { within "$1" is_ready; }
is_ready() {
  local left
  left=$(kube get deployments,statefulsets -A -l app.kubernetes.io/managed-by=souk-deploy -o json 2>/dev/null | jq -r '.items[]
    | select(.metadata.generation > (.status.observedGeneration // 0) or (.status.updatedReplicas // 0) < .spec.replicas
      or (.status.readyReplicas // 0) < .spec.replicas or (.status.replicas // 0) > .spec.replicas) | .metadata.name') && [[ -z $left ]]
}

# NAMESPACE POD
is_pod_ready() { [[ $(kube get pod "$2" -n "$1" -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}') == True ]]; }

# NAME: where a workload is.
in_namespace() {
  case $1 in
    mock-gateway*) echo souk-partner ;;
    *-db | redis | *-exporter | backup | restore) echo souk-data ;;
    prometheus | alertmanager | jaeger | grafana | collector) echo souk-observability ;;
    ingress-gateway) echo souk-ingress ;;
    *) echo souk ;;
  esac
}

# NAME: its pods that are ready and not about to end, one a line.
pods_of() {
  kube get pods -n "$(in_namespace "$1")" -l "app.kubernetes.io/name=$1" -o json |
    jq -r '.items[] | select(.metadata.deletionTimestamp == null and any(.status.conditions[]?; .type == "Ready" and .status == "True")) | .metadata.name'
}
pod_of() {
  local pod
  pod=$(pods_of "$1" | head -n 1)
  [[ -n $pod ]] || stop "no pod of $1 is ready"
  echo "$pod"
}

# NAME: kind/name, for kubectl.
workload() {
  case $1 in
    *-db | redis | prometheus | alertmanager) echo "statefulset/$1" ;;
    *) echo "deployment/$1" ;;
  esac
}

# The image of souk/tools, as the store has it (a registry may be part of its name).
tools_image() {
  kube get cronjob backup -n souk-data -o jsonpath='{.spec.jobTemplate.spec.template.spec.containers[0].image}'
}

# BUILD [WORD]...: could a node start the image that this build script names? Where Docker has it, it must
# be made of what is here now; nodes tell names alone.
can_start() {
  local status=0
  # shellcheck source=main/lib/images.sh
  source "$MAIN/lib/images.sh"
  "$@" --present || status=$?
  if ((status == 4)); then [[ -z $(_missing_on_nodes <<<"$("$@" --image)") ]]; else ((status == 0)); fi
}

# --- all that ever happens to a pod ----------------------------------------------------------------
# Written down for the whole run, for a pod that is gone tells nothing any more:
#   UID NODE/NAMESPACE/POD/CONTAINER RESTARTS REASON...

# Started by main/verify itself.
start_watching() {
  timeout 86400 bash -c 'while :; do
      kubectl get pods -A -l app.kubernetes.io/part-of=souk --watch -o json 2>/dev/null | jq --unbuffered -r "
        . as \$p | (.status.containerStatuses[]?, (.status.initContainerStatuses[]? | select(.name == \"istio-proxy\"))) | [\$p.metadata.uid, \"\(\$p.spec.nodeName)/\(\$p.metadata.namespace)/\(\$p.metadata.name)/\(.name)\",
          .restartCount, (.lastState.terminated.reason // \"-\"), (.lastState.terminated.exitCode // \"-\"), (.state.terminated.reason // \"-\")] | join(\" \")"
      sleep 1
    done' </dev/null >>"$WORK/pods" 2>/dev/null &
  WATCHER=$!
}
stop_watching() {
  [[ -n ${WATCHER:-} ]] || return 0
  # It may have ended.
  kill -TERM "$WATCHER" 2>/dev/null || true
  wait "$WATCHER" 2>/dev/null || true
}

# NAMESPACE POD CONTAINER: one restart of it was caused by a claim. Any of them may be * (then as many
# as there are).
excuse() { printf '%s/%s/%s\n' "$1" "$2" "$3" >>"$WORK/excused"; }

# --- pods of the proof -----------------------------------------------------------------------------

# NAME [STANDARD]: a namespace that goes with the claim.
make_namespace() {
  # Of a claim before, it may still be going.
  kubectl wait namespace "$1" --for=delete --timeout=90s >/dev/null 2>&1 || true
  kube create -f - >/dev/null <<Y
apiVersion: v1
kind: Namespace
metadata:
  name: $1
  labels: { souk/verify: helper, pod-security.kubernetes.io/enforce: ${2:-privileged}, pod-security.kubernetes.io/warn: ${2:-privileged} }
Y
  within 30 kube get serviceaccount default -n "$1" >/dev/null 2>&1 || stop "the namespace $1 is not made"
}

# NAMESPACE NAME IMAGE [LABEL...]: a pod that does nothing, in which a claim can do something. Its
# labels say what it may reach. SERVICE_ACCOUNT is its identity, NODE where it rather is.
make_pod() {
  local namespace=$1 name=$2 image=$3 label labels='' place=''
  shift 3
  [[ -z ${NODE:-} ]] || place="affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, preference: { matchFields: [{ key: metadata.name, operator: In, values: [$NODE] }] } }] } }"
  for label in "$@"; do labels+=", ${label%%=*}: \"${label#*=}\""; done
  kube apply -f - >/dev/null <<Y
apiVersion: v1
kind: Pod
metadata:
  name: $name
  namespace: $namespace
  labels: { app.kubernetes.io/part-of: souk-verify$labels }
spec:
  restartPolicy: Always
  terminationGracePeriodSeconds: 1
  automountServiceAccountToken: false
  enableServiceLinks: false
  serviceAccountName: ${SERVICE_ACCOUNT:-default}
  $place
  securityContext: { runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, fsGroup: 10001, seccompProfile: { type: RuntimeDefault } }
  containers:
    - name: tools
      image: $image
      imagePullPolicy: IfNotPresent
      command: [bash, -c, "trap 'exit 0' TERM; while :; do sleep 3600 & wait \$!; done"]
      securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: [ALL] } }
      resources: { requests: { cpu: 20m, memory: 64Mi }, limits: { memory: 768Mi } }
      volumeMounts: [{ name: journal, mountPath: /journal }, { name: tmp, mountPath: /tmp }]
  volumes:
    - { name: journal, emptyDir: { sizeLimit: 2Gi } }
    - { name: tmp, emptyDir: { sizeLimit: 256Mi } }
Y
}

# Nodes that the API server's address is one of, a name a line; none where it is elsewhere.
api_nodes() {
  local addresses
  addresses=$(kube get endpointslices -n default -l kubernetes.io/service-name=kubernetes -o json | jq -c '[.items[].endpoints[]?.addresses[]]')
  kube get nodes -o json | jq -r --argjson at "$addresses" '.items[] | select(any(.status.addresses[]; .address | IN($at[]))) | .metadata.name'
}

# The pod souk/verify-tools, if it is not there: a shopper, outside of a mesh. Beside the API server if pods may be there: the claim
# about a node's death takes another node.
start_tools() {
  local image
  [[ $(kube get pod verify-tools -n souk -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}' 2>/dev/null) != True ]] || return 0
  # Of a node that is gone, or there for the first time.
  kubectl delete pod verify-tools -n souk --ignore-not-found --force --grace-period=0 --request-timeout=30s >/dev/null 2>&1 || true
  image=$(tools_image)
  NODE=$(api_nodes | head -n 1) make_pod souk verify-tools "$image" app.kubernetes.io/name=verify-tools sidecar.istio.io/inject=false
  kubectl wait pod/verify-tools -n souk --for=condition=Ready --timeout=120s >/dev/null ||
    stop "the pod souk/verify-tools, from which the store is asked, does not start"
  admin_password | kubectl exec -i -n souk verify-tools -- tee /journal/admin-password >/dev/null
  # Its way out is a policy that a network plugin may take a moment to apply to a new pod.
  within 20 in_store curl -s --max-time 2 -o /dev/null "$STORE/" || stop "the pod souk/verify-tools does not reach the gateway"
}

# COMMAND...: in that pod.
in_store() { kubectl exec -n souk verify-tools -- "$@"; }

# SCRIPT [WORD...]: by bash in that pod, where STORE is the store's address.
tools() {
  local script=$1
  shift
  kubectl exec -n souk verify-tools -- env "STORE=$STORE" bash -c "$script" tools "$@"
}

# NAMESPACE POD [CONTAINER]: the script on standard input, by bash, in an ephemeral container of
# souk/tools in that pod: of the pod's user, at its place in the network, and among the processes of
# CONTAINER (or of all, where the pod shares them). Prints what the script prints, and has its status.
# Nothing of that gets into the pod's logs.
inside() {
  local namespace=$1 pod=$2 name=verify-$RANDOM$RANDOM status=0
  # It ends by itself, and at once when the pod is to end.
  kubectl debug -q -n "$namespace" "$pod" --image="${TOOLS_IMAGE:=$(tools_image)}" --image-pull-policy=IfNotPresent --profile=restricted \
    ${3:+"--target=$3"} -c "$name" -- bash -c 'trap "exit 0" TERM; mkfifo /tmp/done; timeout 240 cat /tmp/done & wait $!' \
    </dev/null >/dev/null 2>"$WORK/log/inside-$pod" || status=$?
  if ((status != 0)) || ! within 60 _is_inside "$namespace" "$pod" "$name"; then
    printf 'no ephemeral container in %s/%s: %s\n' "$namespace" "$pod" "$(tail -n 1 "$WORK/log/inside-$pod")" >&2
    return 1
  fi
  { cat && printf '\n'; } | kubectl exec -i -n "$namespace" "$pod" -c "$name" -- bash -s || status=$?
  # A pod that the script has ended is gone.
  kubectl exec -n "$namespace" "$pod" -c "$name" -- bash -c 'exec 3<>/tmp/done; echo >&3' >/dev/null 2>&1 || true
  return "$status"
}
_is_inside() {
  [[ -n $(kube get pod "$2" -n "$1" -o jsonpath="{.status.ephemeralContainerStatuses[?(@.name==\"$3\")].state.running.startedAt}") ]]
}

# --- shoppers --------------------------------------------------------------------------------------

# NAME OPTION...: souk-shoppers in the tools' pod, with a journal that `books` judges at the end. The
# staff's password is /journal/admin-password there.
start_shoppers() {
  local name=$1
  shift
  tools 'name=$1; shift; rm -f "/journal/$name.figures"
    souk-shoppers --store "$STORE" --journal "/journal/$name-${EPOCHREALTIME//[.,]/}.jsonl" --json "$@" </dev/null >"/journal/$name.figures" 2>"/journal/$name.err" &
    echo $! >"/journal/$name.pid"' "$name" "$@"
}

# NAME: lets them end what they have begun; their figures are SHOPPED, a JSON object.
finish_shoppers() {
  local name=$1 file
  tools 'pid=$(<"/journal/$1.pid"); kill -INT "$pid" 2>/dev/null
    for ((i = 0; i < 450; i++)); do kill -0 "$pid" 2>/dev/null || break; sleep 0.2; done
    rm -f "/journal/$1.pid"; ! kill -0 "$pid" 2>/dev/null' "$name" || stop "the shoppers $name did not end"
  in_store cat "/journal/$name.figures" >"$WORK/log/shoppers-$name"
  in_store cat "/journal/$name.err" >"$WORK/log/shoppers-$name.err"
  fetch_journals
  SHOPPED=$(jq -cse 'last' "$WORK/log/shoppers-$name") || stop "the shoppers $name ended without figures: $(tail -n 1 "$WORK/log/shoppers-$name.err")"
}

# Out of the pod, whose node may be the next to go. Not those that are still being written.
fetch_journals() {
  local file
  for file in $(tools 'cd /journal; for f in *.jsonl; do [[ ! -s $f || -e ${f%-*}.pid ]] || echo "$f"; done'); do
    in_store gzip -c "/journal/$file" >"$WORK/journal/$file.gz.new"
    mv "$WORK/journal/$file.gz.new" "$WORK/journal/$file.gz"
    in_store rm "/journal/$file"
  done
}

# Of SHOPPED, what no shopper should meet while nothing is broken: 5xx, 429, lost answers. What a
# shopper should not have asked (402, 404, 409) is an answer like any other; some leave before the
# answer comes, of their own. A kept connection that ends between two requests is not of them either:
# HTTP lets a server do that, and the client opens another.
shoppers_met() {
  jq -r '[.actions[] | .action as $a | ((.refusals // {}) | to_entries[] | select(.key | test("^(5|429)")) | "\($a) \(.key): \(.value)"),
    ((.losses // {}) | to_entries[] | select(.key | test("^(left|time over|kept connection was closed)$") | not) | "\($a) lost, \(.key): \(.value)")] | join(", ")' <<<"$SHOPPED"
}

# NAME RATE: RATE requests a second to each of four addresses, each by a connection of its own; every
# one that is not answered 200 is written down.
start_getting() {
  tools 'one() { # NAME RATE NUMBER PATH
      # What follows the # is not sent: it only makes many of one. Told on standard error, which curl
      # does not hold back until there is a page of it.
      curl -s --rate "$2/s" --max-time 10 -H "connection: close" -o /dev/null -w "%{stderr}%{http_code} %{time_total} %{exitcode}\n" "$STORE/api/$4#[1-1000000]" 2>&1 | {
        # It tells what came when curl has ended.
        trap "" TERM
        n=0 bad=0
        while read -r code rest; do
          n=$((n + 1))
          [[ $code == 200 ]] || { bad=$((bad + 1)) && echo "$(date -u +%T.%3N) $4 $code $rest" >>"/journal/$1.bad.$3"; }
        done
        echo "$n $bad" >"/journal/$1.got.$3"
      }
    }
    export -f one
    i=0
    for path in "products?limit=3" categories "inventory?limit=1" .well-known/jwks.json; do
      i=$((i + 1))
      timeout 3600 bash -c "one \"\$@\"" one "$1" "$2" "$i" "$path" </dev/null >/dev/null 2>&1 &
      echo $!
    done >"/journal/$1-gets.pid"' "$1" "$2"
}

# NAME: what came of them: GOT (how many) and MISSED (one a line).
finish_getting() {
  local told
  told=$(tools 'kill $(<"/journal/$1-gets.pid") 2>/dev/null; rm -f "/journal/$1-gets.pid"; sleep 1
    cat "/journal/$1".got.* | { n=0 bad=0; while read -r a b; do n=$((n + a)) bad=$((bad + b)); done; echo "$n $bad"; }; cat "/journal/$1".bad.* 2>/dev/null; rm -f "/journal/$1".got.* "/journal/$1".bad.*' "$1")
  GOT=$(head -n 1 <<<"$told" | cut -d ' ' -f 1)
  MISSED=$(tail -n +2 <<<"$told")
}

# --- the books -------------------------------------------------------------------------------------

# NAME: a value of souk-data/souk-generated.
generated() { kube get secret souk-generated -n souk-data -o json | jq -r --arg n "$1" '.data[$n] | @base64d'; }

# The pod souk-data/verify-books, which may read every store, for as long as it takes.
start_judge() {
  local image
  image=$(tools_image)
  SERVICE_ACCOUNT=verify-books make_pod souk-data verify-books "$image" app.kubernetes.io/name=verify-books souk/verify=helper
  kubectl wait pod/verify-books -n souk-data --for=condition=Ready --timeout=120s >/dev/null || stop "the pod souk-data/verify-books does not start"
  # Through standard input into its own memory: in no Secret, no list of processes.
  kube get secret souk-generated -n souk-data -o json | jq -r '.data | map_values(@base64d)
    | "export DATABASE_URL_PRODUCT=postgresql://product:\(."db-product")@product-db:5432/product",
      "export DATABASE_URL_ORDER=postgresql://order:\(."db-order")@order-db:5432/order",
      "export DATABASE_URL_PAYMENT=postgresql://payment:\(."db-payment")@payment-db:5432/payment",
      "export DATABASE_URL_INVENTORY=postgresql://inventory:\(."db-inventory")@inventory-db:5432/inventory",
      "export DATABASE_URL_MOCK_GATEWAY=postgresql://mock_gateway:\(."db-mock-gateway")@mock-gateway-db.souk-partner:5432/mock_gateway",
      "export REDIS_URL=redis://:\(.redis)@redis:6379/0"' | kubectl exec -i -n souk-data verify-books -- tee /tmp/environment >/dev/null
}
stop_judge() { kube delete pod verify-books -n souk-data --ignore-not-found --wait=false >/dev/null; }

# [SECONDS]: the audit, and souk-verdict with all journals there are, after at most that time in which
# nothing unfinished may be left. Says what it saw, or what is wrong.
judge() {
  local file audit verdict count=0
  fetch_journals
  start_judge
  for file in "$WORK"/journal/*.jsonl.gz; do
    [[ -s $file ]] || continue
    kubectl exec -i -n souk-data verify-books -- sh -c 'gunzip -c >"/journal/$1"' sh "$(basename "${file%.gz}")" <"$file"
    count=$((count + 1))
  done
  verdict=$(kubectl exec -n souk-data verify-books -- bash -c 'source /tmp/environment; set --
      for f in /journal/*.jsonl; do [[ ! -s $f ]] || set -- "$@" --journal "$f"; done
      exec souk-verdict --settle "$0" "$@"' "${1:-90}" 2>&1) || wrong "the verdict: $(head -n 6 <<<"$verdict" | tr '\n' ' ')"
  audit=$(tools 'STORE_URL=$STORE ADMIN_PASSWORD_FILE=/journal/admin-password audit 2>&1') || wrong "the audit: $(head -n 4 <<<"$audit" | tr '\n' ' ')"
  stop_judge
  saw "$(grep -v '^ *$' <<<"$audit" | head -n 1)"
  saw "verdict with $count journals: $(tail -n 1 <<<"$verdict")"
}
