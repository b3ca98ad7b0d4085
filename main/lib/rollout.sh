# shellcheck shell=bash disable=SC2016 # templates are not the shell's
# Applying, waiting with a limit, and saying what is wrong when it does not come up.

# KIND/NAMESPACE/NAME of each object in the rendered file, one a line.
_objects_of() {
  awk '
    function told() { if (name != "") print kind "/" namespace "/" name; kind = name = namespace = ""; within = 0 }
    /^---/ { told() }
    /^kind: / { kind = $2 }
    /^[a-z]/ { within = ($1 == "metadata:") }
    within && /^  name: / { name = $2 }
    within && /^  namespace: / { namespace = $2 }
    END { told() }
  ' "$1" | sort -u
}

# FILE [OPTION...]
apply() {
  local answer=$1.answer status=0 worker silent=0 began=$SECONDS asked=$SECONDS
  # Forced: the manifests are the truth, also after somebody has changed an image by hand or undone a
  # roll-out. What autoscalers decide (replicas) is not in the manifests, so it stays.
  kubectl --request-timeout=120s apply --server-side --force-conflicts --field-manager="$FIELD_MANAGER" "${@:2}" -f "$1" >"$answer" 2>&1 </dev/null &
  worker=$!
  # kubectl goes from object to object also when nobody answers any more, each time as long as it can.
  while kill -0 "$worker" 2>/dev/null; do
    sleep 1
    ((SECONDS - asked >= 15)) || continue
    if kubectl --request-timeout=10s get --raw /version >/dev/null 2>&1 </dev/null; then silent=0; else silent=$((silent + 1)); fi
    asked=$SECONDS
    if ((silent >= 2)); then
      kill "$worker" 2>/dev/null || true
      echo "The API server does not answer any more, $((SECONDS - began)) s after this began." >>"$answer"
      break
    fi
  done
  wait "$worker" || status=$?
  ((status > 0)) || return 0
  # Nothing to show is no failure; the status is that of kubectl.
  grep -v 'serverside-applied' "$answer" >&2 || true
  return 1
}

# RENDERED-FILE: a Job's pod cannot be changed; one that is there with another image or other words has to
# go before. FILE.replaced has such Jobs, and FILE.checked what the cluster can be asked about meanwhile.
sort_tasks() {
  local answer
  awk 'BEGIN { RS = "\n---\n"; ORS = "\n---\n" } /\nkind: Job\n/' "$1" >"$1.replaced"
  cp "$1" "$1.checked"
  [[ -s $1.replaced ]] || return 0
  if answer=$(kube apply --server-side --force-conflicts --field-manager="$FIELD_MANAGER" --dry-run=server -f "$1.replaced" 2>&1 >/dev/null) || [[ $answer != *immutable* ]]; then
    : >"$1.replaced"
    return 0
  fi
  awk 'BEGIN { RS = "\n---\n"; ORS = "\n---\n" } !/\nkind: Job\n/' "$1" >"$1.checked"
}

replace_tasks() {
  [[ -s $1.replaced ]] || return 0
  # If that fails, the apply that follows says why.
  kube delete -f "$1.replaced" --ignore-not-found --wait=true >/dev/null 2>&1 || true
}

# Prometheus' way to the API server. The addresses are the cluster's own: the Service's, which some
# network plugins look at, and those behind it.
allow_discovery() {
  local addresses port cidrs='' address
  kube get namespace souk-observability >/dev/null 2>&1 || return 0
  addresses=$(kube get endpointslices -n default -l kubernetes.io/service-name=kubernetes -o go-template='{{range .items}}{{range .endpoints}}{{range .addresses}}{{.}}{{"\n"}}{{end}}{{end}}{{end}}' 2>/dev/null) || addresses=''
  if [[ -z $addresses ]]; then
    say "Note: it cannot be seen where the API server is (endpointslices of default/kubernetes), so Prometheus has no way to it and finds no pods. Somebody who may see that: run this again, or make the policy souk-observability/prometheus-to-api-server"
    return 0
  fi
  port=$(kube get endpointslices -n default -l kubernetes.io/service-name=kubernetes -o jsonpath='{.items[0].ports[0].port}')
  addresses+=$'\n'$(kube get service kubernetes -n default -o jsonpath='{.spec.clusterIP}')
  for address in $addresses; do
    case $address in
      *:*) cidrs+="        - ipBlock: { cidr: \"$address/128\" }"$'\n' ;;
      *) cidrs+="        - ipBlock: { cidr: $address/32 }"$'\n' ;;
    esac
  done
  kube apply --server-side --force-conflicts --field-manager="$FIELD_MANAGER" -f - >/dev/null <<Y
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: prometheus-to-api-server
  namespace: souk-observability
  labels: { app.kubernetes.io/part-of: souk }
spec:
  podSelector: { matchLabels: { app.kubernetes.io/name: prometheus } }
  policyTypes: [Egress]
  egress:
    - to:
${cidrs%$'\n'}
      ports: [{ port: 443 }, { port: ${port:-6443} }]
Y
}

# RENDERED-FILE: where an autoscaler is to decide from now on and an earlier overlay said how many
# replicas, that number gets another owner, whom the autoscaler follows. Without one it would fall to
# one, until the autoscaler looks.
keep_replicas() {
  local wanted owned one count answer
  wanted=$(_objects_of "$1" | sed -n 's#^HorizontalPodAutoscaler/##p')
  [[ -n $wanted ]] || return 0
  owned=$(kube get deployments -A -l app.kubernetes.io/managed-by=souk-deploy -o go-template='{{range .items}}{{$d := .}}{{range .metadata.managedFields}}{{if and (eq .manager "'"$FIELD_MANAGER"'") (eq .operation "Apply")}}{{with .fieldsV1}}{{range $k, $v := index . "f:spec"}}{{if eq $k "f:replicas"}}{{$d.metadata.namespace}}/{{$d.metadata.name}} {{$d.spec.replicas}}{{"\n"}}{{end}}{{end}}{{end}}{{end}}{{end}}{{end}}') ||
    fail "cannot ask how many replicas there are"
  while read -r one count; do
    # An autoscaler of ours is named as what it scales.
    grep -qxF "$one" <<<"$wanted" || continue
    answer=$(
      kube apply --server-side --field-manager="$FIELD_MANAGER-replicas" -f - 2>&1 <<Y
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${one#*/}, namespace: ${one%/*} }
spec: { replicas: $count }
Y
    ) || fail "the replicas of $one could not be handed to its autoscaler: $(tail -n 1 <<<"$answer")"
  done <<<"$owned"
}

# RENDERED-FILE: ConfigMaps of former settings, when no version that a roll-out can be undone to has them
# any more. (Each change of a setting makes a new one.)
remove_old_settings() {
  local wanted old namespace name used=''
  wanted=$(_objects_of "$1")
  old=$(kube get configmaps -A -l app.kubernetes.io/managed-by=souk-deploy -o go-template='{{range .items}}ConfigMap/{{.metadata.namespace}}/{{.metadata.name}}{{"\n"}}{{end}}' 2>/dev/null | grep -vxF "$wanted") || return 0
  while read -r namespace; do
    used=$(kube get replicasets,controllerrevisions,pods,jobs,cronjobs -n "$namespace" -o yaml 2>/dev/null </dev/null) || return 0
    while read -r name; do
      grep -q "name: $name\$" <<<"$used" || kube delete configmap "$name" -n "$namespace" >/dev/null </dev/null || return 0
    done < <(sed -n "s#^ConfigMap/$namespace/##p" <<<"$old")
  done < <(cut -d / -f 2 <<<"$old" | sort -u)
}

# What an earlier deploy has made and the overlay no longer has. Volumes, Secrets and namespaces stay;
# so do ConfigMaps for now (remove_old_settings).
remove_leftovers() {
  local wanted present gone version kind
  wanted=$(_objects_of "$1")
  present=$(kube get deployments,statefulsets,daemonsets,services,serviceaccounts,jobs,cronjobs,ingresses,networkpolicies,poddisruptionbudgets,horizontalpodautoscalers,roles,rolebindings"$(mesh_resources)" \
    -A -l app.kubernetes.io/managed-by=souk-deploy \
    -o go-template='{{range .items}}{{.kind}}/{{.metadata.namespace}}/{{.metadata.name}} {{.apiVersion}}{{"\n"}}{{end}}') || return 0
  while read -r gone version; do
    [[ -n $gone ]] || continue
    grep -qxF "$gone" <<<"$wanted" || {
      say "Removing $gone, which the overlay no longer has"
      kind=${gone%%/*}
      # There is a Gateway of Istio's and one of Kubernetes'.
      case $version in *.istio.io/*) kind=$(tr '[:upper:]' '[:lower:]' <<<"$kind").${version%/*} ;; esac
      kube delete "$kind" -n "$(cut -d / -f 2 <<<"$gone")" "$(cut -d / -f 3 <<<"$gone")" --wait=false >/dev/null
    }
  done <<<"$present"
}

# Workloads that are not there yet, one a line: NAMESPACE KIND NAME, and READY/WANTED, or `updating` when
# as many are ready as are wanted, but not yet all of the new version.
_unfinished() {
  local workloads jobs
  workloads=$(kube get deployments,statefulsets -A -l app.kubernetes.io/managed-by=souk-deploy -o go-template='{{range .items}}{{.metadata.namespace}} {{.kind}} {{.metadata.name}} {{.metadata.generation}} {{or .status.observedGeneration 0}} {{.spec.replicas}} {{or .status.replicas 0}} {{or .status.updatedReplicas 0}} {{or .status.readyReplicas 0}} {{or .status.availableReplicas 0}}{{"\n"}}{{end}}') || return 1
  jobs=$(kube get jobs -A -l app.kubernetes.io/managed-by=souk-deploy -o go-template='{{range .items}}{{.metadata.namespace}} Job {{.metadata.name}} {{or .status.succeeded 0}}{{"\n"}}{{end}}') || return 1
  awk '$4 > $5 || $8 < $6 || $7 > $8 || $9 < $6 || $10 < $6 { print $1, $2, $3, ($9 < $6 ? $9 "/" $6 : "updating") }' <<<"$workloads"
  awk 'NF && $4 < 1 { print $1, $2, $3, "0/1" }' <<<"$jobs"
}

# Pods with a reason that does not pass by waiting: NAMESPACE POD REASON.
_hopeless() {
  # A container that has ended five times by itself will do it again: ours wait for what they need. (A
  # migration is repeated, since the database may be later than it.)
  kube get pods -A -l app.kubernetes.io/part-of=souk -o go-template='{{range .items}}{{$p := .metadata}}{{range .status.initContainerStatuses}}{{if .state.waiting}}{{$p.namespace}} {{$p.name}} {{.state.waiting.reason}}{{"\n"}}{{end}}{{end}}{{range .status.containerStatuses}}{{if .state.waiting}}{{$p.namespace}} {{$p.name}} {{.state.waiting.reason}}{{if ge .restartCount 5}}Again{{end}}{{"\n"}}{{end}}{{end}}{{end}}' 2>/dev/null |
    grep -E ' ((ErrImagePull|ImagePullBackOff|ErrImageNeverPull|InvalidImageName|CreateContainerConfigError)(Again)?|CrashLoopBackOffAgain)$' | sort -u || true
}

# LIMIT: until all is there. Status 1 when it is not.
await_rollout() {
  local limit=$1 began=$SECONDS left last='' hopeless first_hopeless=0 renewed=$SECONDS heard=$SECONDS told=''
  while :; do
    if left=$(_unfinished 2>/dev/null); then
      if [[ -n $told ]]; then say "$(printf '%4d s  the API server answers again' $((SECONDS - began)))"; fi
      heard=$SECONDS told=''
      if [[ -z $left ]]; then return 0; fi
      if [[ $left != "$last" ]]; then
        say "$(printf '%4d s  waiting for: %s' $((SECONDS - began)) "$(awk '{ printf "%s%s %s", (NR > 1 ? ", " : ""), $3, $4 }' <<<"$left")")"
        last=$left
      fi
    elif [[ -z $told ]]; then
      say "$(printf '%4d s  the API server does not answer' $((SECONDS - began)))"
      told=yes
    fi
    if [[ -n $told ]] && ((SECONDS - heard > 180)); then return 1; fi
    hopeless=$(_hopeless)
    if [[ -n $hopeless ]]; then
      ((first_hopeless > 0)) || first_hopeless=$SECONDS
      ((SECONDS - first_hopeless < 40)) || return 1
    else
      first_hopeless=0
    fi
    ((SECONDS - began < limit)) || return 1
    if ((SECONDS - renewed > 20)); then
      renew_lease
      renewed=$SECONDS
    fi
    sleep 2
  done
}

# What is wrong with whom, and what to do.
explain_failure() {
  local namespace kind name counts pod reasons log undo='' stores='' since left
  say ""
  left=$(_unfinished 2>&1) || {
    say "The API server does not answer, so it is not known how far the roll-out is: $(tail -n 1 <<<"$left")"
    say "What was applied goes on by itself. Run this again when it answers; nothing is done twice."
    return 0
  }
  say "The roll-out did not finish. What is not there:"
  while read -r namespace kind name counts; do
    [[ -n $namespace ]] || continue
    say "  $namespace/$name ($kind, ${counts/updating/new version not} ready)"
    for pod in $(kube get pods -n "$namespace" -l "app.kubernetes.io/name=$name" -o go-template='{{range .items}}{{$ok := false}}{{range .status.conditions}}{{if and (eq .type "Ready") (eq .status "True")}}{{$ok = true}}{{end}}{{end}}{{if not $ok}}{{.metadata.name}}{{"\n"}}{{end}}{{end}}' 2>/dev/null); do
      reasons=$(kube get pod "$pod" -n "$namespace" -o go-template='{{range .status.conditions}}{{if and (eq .type "PodScheduled") (ne .status "True")}}not scheduled: {{.message}}; {{end}}{{end}}{{range .status.initContainerStatuses}}{{if .state.waiting}}{{.name}}: {{.state.waiting.reason}} {{or .state.waiting.message ""}}; {{end}}{{end}}{{range .status.containerStatuses}}{{if .state.waiting}}{{.name}}: {{.state.waiting.reason}} {{or .state.waiting.message ""}}; {{end}}{{if .state.running}}{{if not .ready}}{{.name}}: runs, but is not ready (restarts: {{.restartCount}}); {{end}}{{end}}{{end}}' 2>/dev/null || true)
      say "    pod $pod: ${reasons:-no reason given}"
      log=$(kube logs "$pod" -n "$namespace" --all-containers --tail=3 2>/dev/null | cut -c 1-300 || true)
      [[ -z $log ]] || say "$(awk '{ print "      | " $0 }' <<<"$log")"
    done
    if [[ -z $(kube get pods -n "$namespace" -l "app.kubernetes.io/name=$name" -o name 2>/dev/null) ]]; then
      since=$(kube get events -n "$namespace" --field-selector type=Warning -o go-template='{{range .items}}{{.involvedObject.name}} {{.message}}{{"\n"}}{{end}}' 2>/dev/null | grep "^$name" | tail -n 1 | cut -c 1-300 || true)
      say "    no pod was made${since:+: $since}"
    fi
    # The first version has none before it.
    if [[ $kind == Deployment && $(kube get deployment "$name" -n "$namespace" -o jsonpath='{.metadata.annotations.deployment\.kubernetes\.io/revision}' 2>/dev/null) -gt 1 ]]; then
      undo+=" $namespace/$name"
    fi
    if [[ $kind == StatefulSet && $(kube get statefulset "$name" -n "$namespace" -o jsonpath='{.status.currentRevision}' 2>/dev/null) != $(kube get statefulset "$name" -n "$namespace" -o jsonpath='{.status.updateRevision}' 2>/dev/null) ]]; then
      stores+=" $namespace/$name"
    fi
  done <<<"$left"
  say ""
  if [[ -n $stores ]]; then
    say "A store's only pod was replaced by one that does not start. Back to the former one at once (a pod"
    say "that never became ready is not replaced by itself, so it is deleted; the volume stays):"
    for name in $stores; do
      say "  kubectl -n ${name%/*} rollout undo statefulset/${name#*/} && kubectl -n ${name%/*} delete pod ${name#*/}-0"
    done
    say ""
  fi
  if [[ -z $undo ]]; then
    say "Correct it and run this again; it goes on from here."
    return 0
  fi
  say "What ran before goes on: a new pod takes over only when it is ready. Correct it and run this again,"
  say "or go back to what was there before (each has its former ConfigMap; the schema stays, which the"
  say "former version can use):"
  for name in $undo; do
    say "  kubectl -n ${name%/*} rollout undo deployment/${name#*/}"
  done
}
