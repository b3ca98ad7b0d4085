# shellcheck shell=bash disable=SC2034,SC2154 # variables of lib.sh and main/verify
# A node is cut off, and one is emptied, while shoppers buy.
#
# A power cut cannot be made by kubectl. kind, k3d and minikube are recognised by the context; for any
# other cluster SOUK_NODE_KILLER and SOUK_NODE_STARTER are commands that are given the node's name.

kill_node() { # NODE
  if [[ -n ${SOUK_NODE_KILLER:-} ]]; then
    # shellcheck disable=SC2086 # it may have arguments
    $SOUK_NODE_KILLER "$1"
    return
  fi
  case $(kubectl config current-context) in
    kind-* | k3d-*) docker kill -s KILL "$1" ;;
    minikube*) minikube -p "$(kubectl config current-context)" node stop "$1" ;;
  esac
}
start_node() { # NODE
  if [[ -n ${SOUK_NODE_KILLER:-} ]]; then
    # shellcheck disable=SC2086
    $SOUK_NODE_STARTER "$1"
    return
  fi
  case $(kubectl config current-context) in
    kind-* | k3d-*) docker start "$1" ;;
    minikube*) minikube -p "$(kubectl config current-context)" node start "$1" ;;
  esac
}

# Those that are ready and take pods of anybody, one a line.
usable_nodes() {
  kube get nodes -o json | jq -r '.items[] | select((.spec.unschedulable | not)
    and all(.spec.taints[]?; .effect == "PreferNoSchedule")
    and any(.status.conditions[]; .type == "Ready" and .status == "True")) | .metadata.name'
}

# Nodes that carry the control plane: they say so, or the API server is there.
control_nodes() {
  {
    api_nodes
    kube get nodes -o json | jq -r '.items[] | select(any(.metadata.labels | keys[]; test("^node-role.kubernetes.io/(control-plane|master|etcd)$"))) | .metadata.name'
  } | sort -u
}

# NODE: names of the store's workloads that have a pod there, which does not end; one a pod.
on_node() {
  kube get pods -A -l app.kubernetes.io/part-of=souk --field-selector "spec.nodeName=$1" -o json |
    jq -r '.items[] | select(.metadata.deletionTimestamp == null and .status.phase == "Running") | .metadata.labels["app.kubernetes.io/name"]' | sort
}

# NAME: may its volume be mounted on another node?
is_movable() {
  local volume
  volume=$(kube get pvc "data-$1-0" -n "$(in_namespace "$1")" -o jsonpath='{.spec.volumeName}')
  [[ -z $(kube get pv "$volume" -o jsonpath='{.spec.nodeAffinity.required}') ]]
}

# Also uncordoned at the end of the claim, if it ends in the middle.
cordon() {
  kube cordon "$1" >/dev/null
  echo "$1" >>"$WORK/cordoned"
}
uncordon() {
  local node
  [[ -s $WORK/cordoned ]] || return 0
  while read -r node; do kube uncordon "$node" >/dev/null; done <"$WORK/cordoned"
  rm -f "$WORK/cordoned"
}

# NODE: the shoppers' pod, if it is there, goes to another.
move_tools_off() {
  [[ $(kube get pod verify-tools -n souk -o jsonpath='{.spec.nodeName}') == "$1" ]] || return 0
  fetch_journals
  cordon "$1"
  kube delete pod verify-tools -n souk --wait=true --timeout=60s >/dev/null
  start_tools
  uncordon
}

# NAME NODE: a database's pod, to that node.
move_to() {
  local node
  for node in $(usable_nodes | grep -vx "$2"); do cordon "$node"; done
  kube delete pod "$1-0" -n "$(in_namespace "$1")" --timeout=90s >/dev/null
  within 90 is_pod_ready "$(in_namespace "$1")" "$1-0" || wrong "$1 did not come up on $2"
  uncordon
}

node_is() { # NODE True|other
  local ready
  ready=$(kube get node "$1" -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}')
  if [[ $2 == True ]]; then [[ $ready == True ]]; else [[ $ready != True ]]; fi
}

# Seconds since FROM, which now_ms has told.
since() { tenths $(($(now_ms) - $1)); }

STATEFUL=("${DATABASES[@]}" mock-gateway-db redis)

claim node-death 600 "a node loses its power while shoppers buy; what happens to its databases, and that no order is lost"
claim_node_death() {
  local victim control name there='' fixed='' from
  if [[ -z ${SOUK_NODE_KILLER:-} ]]; then
    case $(kubectl config current-context) in
      kind-* | k3d-*) command -v docker >/dev/null || skip "docker is missing, which has the nodes of this cluster" ;;
      minikube*) command -v minikube >/dev/null || skip "minikube is missing, which has the nodes of this cluster" ;;
      *) skip "nothing here can cut a node's power: set SOUK_NODE_KILLER and SOUK_NODE_STARTER, commands that are given a node's name" ;;
    esac
  elif [[ -z ${SOUK_NODE_STARTER:-} ]]; then
    skip "SOUK_NODE_KILLER is set, but not SOUK_NODE_STARTER, which gives the node its power back"
  fi
  (($(usable_nodes | wc -l) > 1)) || skip "it takes two nodes that take pods, and there is $(usable_nodes | wc -l)"
  control=$(control_nodes)
  victim=$(usable_nodes | grep -vxF "${control:-none}" | tail -n 1) || skip "every node that takes pods carries the control plane"
  move_tools_off "$victim"
  for name in "${STATEFUL[@]}"; do
    if on_node "$victim" | grep -qx "$name"; then there+=" $name"; fi
  done
  if [[ -z $there ]] && is_movable order-db; then
    move_to order-db "$victim"
    await_ready 90 || stop "the store is not ready after order-db was moved"
    there=' order-db'
  fi
  for name in $there; do is_movable "$name" || fixed+=" $name"; done
  saw "$victim had $(on_node "$victim" | wc -l) pods, of these stores:${there:- none}"

  crowd node-death 480
  sleep 5
  mark death
  echo "$victim" >"$WORK/dead"
  from=$(now_ms)
  kill_node "$victim" || stop "$victim could not be killed"
  within 150 node_is "$victim" False || stop "150 s after its death the cluster takes $victim for ready"
  saw "the cluster noticed after $(since "$from") s"
  # Nobody may start a second one beside a database that perhaps still runs, so the cluster waits.
  sleep 10
  for name in $there; do
    [[ $(kube get pod "$name-0" -n "$(in_namespace "$name")" -o jsonpath='{.spec.nodeName}') == "$victim" ]] ||
      wrong "$name-0 was moved though nobody had said that $victim is dead"
  done
  if [[ -n $fixed ]]; then
    saw "volumes of this cluster are bound to their node:$fixed waited for it"
    revive
  elif [[ -n $there ]]; then
    # What docs/operations/nodes.md has an operator do who knows that it is dead.
    from=$(now_ms)
    kube taint node "$victim" node.kubernetes.io/out-of-service=nodeshutdown:NoExecute --overwrite >/dev/null
    for name in $there; do
      within 180 is_elsewhere "$name" "$victim" || wrong "$name is not ready on another node 180 s after the taint"
    done
    saw "no database moved by itself; after the taint out-of-service all were on another node, ready, within $(since "$from") s"
    await_ready 240 || wrong "the store is not ready on the nodes that are left"
  fi
  sleep 10
  told_by node-death
  revive
  await_ready 240 || wrong "the store is not as it was after $victim was back"
  judge
}
is_elsewhere() {
  kube get pod "$1-0" -n "$(in_namespace "$1")" -o json 2>/dev/null |
    jq -e --arg node "$2" '.metadata.deletionTimestamp == null and .spec.nodeName != $node and any(.status.conditions[]?; .type == "Ready" and .status == "True")' >/dev/null
}

# The node that the claim has killed. Called again after the claim (lib.sh), which may have been ended
# in the middle.
revive() {
  local victim
  [[ -s $WORK/dead ]] || return 0
  victim=$(<"$WORK/dead")
  start_node "$victim" || wrong "$victim could not be started again"
  within 180 node_is "$victim" True || wrong "$victim is not ready 180 s after its start"
  # The dead pods are gone from it; without the taint it takes new ones.
  kube taint node "$victim" node.kubernetes.io/out-of-service- >/dev/null 2>&1 || true
  rm -f "$WORK/dead"
}

# SECONDS: each second, into $WORK/budgets: `looked`; of gateway and services those that had no pod which
# ran and was not told to end, `none NAME`; and stores that were not ready, `away NAME`.
watch_budgets() {
  # shellcheck disable=SC2016 # expanded there
  timeout "$1" bash -c 'while :; do
      kubectl get pods -A -l app.kubernetes.io/part-of=souk --request-timeout=10s -o json 2>/dev/null | jq -r --args "
        def name: .metadata.labels[\"app.kubernetes.io/name\"];
        [.items[] | select(.metadata.deletionTimestamp == null)]
        | [.[] | select(any(.status.containerStatuses[]?; .started)) | name] as \$up
        | [.[] | select(any(.status.conditions[]?; .type == \"Ready\" and .status == \"True\")) | name] as \$ready
        | \"looked\", (\$ARGS.positional[:6] - \$up | .[] | \"none \\(.)\"), (\$ARGS.positional[6:] - \$ready | .[] | \"away \\(.)\")" "$@"
      sleep 1
    done' watch gateway "${SERVICES[@]}" "${DATABASES[@]}" redis </dev/null >"$WORK/budgets" 2>/dev/null &
}

# Who had no pod when one looked: `TIMES NAME waiting` if its store was away then or up to fifteen
# seconds before, else `TIMES NAME`. A budget holds pods that are ready. Those that wait for their store
# may go together (AlwaysAllow in the manifests), or a drain would wait for ever where the store is bound
# to the node.
without_pod() {
  awk '
    FNR == 1 { look = 0 }
    $1 == "looked" { look++ }
    NR == FNR { if ($1 == "away") away[$2, look]; next }
    $1 == "none" {
      store = $2 == "cart-service" ? "redis" : $2
      sub(/-service$/, "-db", store)
      waiting = ""
      for (i = look - 15; i <= look; i++) if ((store, i) in away) waiting = " waiting"
      times[$2 waiting]++
    }
    END { for (what in times) print times[what], what }
  ' "$WORK/budgets" "$WORK/budgets" | sort -k 2
}

# COUNT: so many of each.
scale_all() {
  local name
  for name in gateway "${SERVICES[@]}"; do kube scale deployment "$name" -n souk --replicas="$1" >/dev/null; done
  await_ready 120 || wrong "the store is not ready with $1 of each"
}

claim drain 480 "a node is drained under load: it ends, budgets are respected, and the store goes on"
claim_drain() {
  local node nodes pods watcher said from
  nodes=$(usable_nodes | wc -l)
  # The one with most of it.
  node=$(for node in $(usable_nodes); do printf '%s %s\n' "$(on_node "$node" | wc -l)" "$node"; done | sort -rn | head -n 1 | cut -d ' ' -f 2)
  if ((nodes > 1)); then
    move_tools_off "$node"
  else
    # The second of two would wait for ever for the first to be somewhere else.
    scale_all 1
  fi
  pods=$(on_node "$node" | wc -l)
  crowd drain 450
  sleep 3
  mark drain
  watch_budgets 400
  watcher=$!
  echo "$node" >>"$WORK/cordoned"
  from=$(now_ms)
  # Only the store's own pods: others are not ours to move.
  said=$(kubectl drain "$node" --pod-selector=app.kubernetes.io/part-of=souk --ignore-daemonsets --delete-emptydir-data --timeout=240s 2>&1) ||
    wrong "the drain of $node did not end: $(tail -n 2 <<<"$said" | tr '\n' ' ')"
  echo "$said"
  saw "$pods pods of $node left it in $(since "$from") s ($nodes nodes)"
  [[ -z $(on_node "$node") ]] || wrong "on $node there still are $(on_node "$node" | tr '\n' ' ')"
  if ((nodes > 1)) && is_movable order-db; then
    await_ready 120 || wrong "the store is not ready without $node"
    sleep 5
  fi
  # It may have ended.
  kill "$watcher" 2>/dev/null || true
  if ((nodes > 1)); then
    said=$(without_pod)
    ! grep -qv ' waiting$' <<<"${said:-x waiting}" || wrong "had no pod for some seconds: $(grep -v ' waiting$' <<<"$said" | paste -sd ',')"
    saw "of gateway and services, each had a pod whenever one looked ($(grep -cx looked "$WORK/budgets") times)${said:+, but for those whose database was just moving: $(sed -n 's/ waiting$//p' <<<"$said" | paste -sd ',')}"
  fi
  uncordon
  await_ready 240 || wrong "the store is not as it was after $node was uncordoned"
  ((nodes > 1)) || scale_all 2
  sleep 5
  told_by drain
  judge
}
