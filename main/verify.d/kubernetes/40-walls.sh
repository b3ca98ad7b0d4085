# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # expanded in a pod; variables of lib.sh and main/verify
# Who may reach what, know what, be what.

# --- the table of edges ----------------------------------------------------------------------------

claim edges 420 "every pair of workloads and stores tried from inside: whoever is in the table gets an answer, nobody else does"
claim_edges() {
  local name pod namespace count said differs again
  same_as_words
  seekers >"$WORK/seekers"
  make_stand_ins
  targets >"$WORK/targets"
  try_all "$WORK/seekers" "$WORK/targets" "$WORK/answers"
  expected <"$WORK/targets" >"$WORK/expected"
  differs=$(diff <(sort "$WORK/expected") <(sort "$WORK/answers") | grep '^[<>]' || true)
  if [[ -n $differs ]]; then
    # An answer may have been late because all asked at once: those pairs once more, a few at a time.
    echo "$differs"
    awk '{ print $2 }' <<<"$differs" | sort -u >"$WORK/again"
    grep -wFf "$WORK/again" "$WORK/seekers" >"$WORK/seekers-again" || true
    awk '{ print $3 }' <<<"$differs" | sort -u >"$WORK/again"
    awk 'NR == FNR { wanted[$1]; next } ($1 ":" $3) in wanted' "$WORK/again" "$WORK/targets" >"$WORK/targets-again"
    SEEKERS_AT_ONCE=2 try_all "$WORK/seekers-again" "$WORK/targets-again" "$WORK/answers-again"
    # The later answer counts.
    awk '{ last[$1 " " $2] = $3 } END { for (k in last) print k, last[k] }' "$WORK/answers" "$WORK/answers-again" | sort >"$WORK/answers-all"
    mv "$WORK/answers-all" "$WORK/answers"
    differs=$(diff <(sort "$WORK/expected") <(sort "$WORK/answers") | sed -n 's/^> //p' || true)
    while read -r name pod said; do
      [[ -z $name ]] || wrong "$name $([[ $said == yes ]] && echo 'reaches' || echo 'does not reach') $pod"
    done <<<"$differs"
    [[ $(wc -l <"$WORK/expected") == "$(wc -l <"$WORK/answers")" ]] || wrong "of $(wc -l <"$WORK/expected") pairs, $(wc -l <"$WORK/answers") were tried"
  fi
  saw "$(wc -l <"$WORK/expected") pairs from $(wc -l <"$WORK/seekers") places to $(wc -l <"$WORK/targets") ports: $(grep -c ' yes$' "$WORK/answers") answered by HTTP, PostgreSQL, Redis, gRPC or DNS, $(grep -c ' no$' "$WORK/answers") not, as in the table"
  saw "not tried, for they are not deployed here: $(not_there | tr '\n' ' ')"
}

# The file beside this is what main/README.md says.
same_as_words() {
  local differs
  differs=$(diff <(awk '!/^#/ && NF { print $1, $2, $3 }' "$MAIN/verify.d/kubernetes/edges.txt" | sort -u) <(edges_of_words | sort -u) | grep '^[<>]' || true)
  [[ -z $differs ]] || wrong "edges.txt (<) and the table in main/README.md (>) differ: $(head -n 6 <<<"$differs" | tr '\n' ',')"
}
# The table of main/README.md, FROM TO PORT a line. Names are with commas between, and share an ending
# (`product-, cart-service`); the first port belongs to the first name, and so on, or one to all; `8001
# to 8005` are five; a semicolon begins anew; a note before a colon or in brackets is none of it.
edges_of_words() {
  awk -F '|' '
    function trim(t) { gsub(/^ +| +$/, "", t); return t }
    # Into list[1..n].
    function names(text, list,   n, i, ending, parts) {
      gsub(/\*[^*]*\*/, "", text); gsub(/\([^)]*\)/, "", text)
      gsub(/the five services/, "product-service, cart-service, order-service, payment-service, inventory-service", text)
      gsub(/API server/, "api-server", text)
      gsub(/ and /, ", ", text)
      n = split(text, parts, /,/)
      ending = ""
      for (i = n; i > 0; i--) {
        list[i] = trim(parts[i])
        if (list[i] ~ /-$/) list[i] = list[i] ending
        else { ending = list[i]; sub(/^.*-/, "", ending) }
      }
      return n
    }
    function ports(text, list,   n, i, k, parts, ends) {
      n = split(text, parts, /,/); k = 0
      for (i = 1; i <= n; i++) {
        if (parts[i] ~ / to /) { split(parts[i], ends, / to /); for (p = ends[1] + 0; p <= ends[2] + 0; p++) list[++k] = p }
        else list[++k] = trim(parts[i]) + 0
      }
      return k
    }
    /^\| From / { within = 1; next }
    within && !/^\|/ { exit }
    !within || /^\|---/ { next }
    {
      nf = names($2, from); groups = split($3, to_groups, /;/); split($4, port_groups, /;/)
      for (g = 1; g <= groups; g++) {
        delete to; delete port
        nt = names(to_groups[g], to); np = ports(port_groups[g], port)
        for (f = 1; f <= nf; f++) for (t = 1; t <= (nt > 1 ? nt : 1); t++) {
          me = from[f] == "anywhere" ? "anyone" : from[f]; it = to[t] == "itself" ? me : to[t]
          if (nt == np) print me, it, port[t]
          else if (np == 1) print me, it, port[1]
          else if (nt == 1) for (k = 1; k <= np; k++) print me, it, port[k]
          else print "unclear:", $2, $3
        }
      }
    }' "$MAIN/README.md"
}

# What of the table is deployed here: the components that are on, as WHEN of edges.txt.
deployed() {
  echo always
  ! kube get job catalogue -n souk >/dev/null 2>&1 || echo catalogue
  ! kube get cronjob backup -n souk-data >/dev/null 2>&1 || echo backup
  ! kube get pod restore -n souk-data >/dev/null 2>&1 || echo restore
  ! kube get statefulset prometheus -n souk-observability >/dev/null 2>&1 || echo observability
  ! kube get deployment grafana -n souk-observability >/dev/null 2>&1 || echo grafana
  ! kube get deployment collector -n souk-observability >/dev/null 2>&1 || echo collector
}
not_there() { awk '!/^#/ && NF { print $4 }' "$MAIN/verify.d/kubernetes/edges.txt" | sort -u | grep -vxFf <(deployed); }

# From where it is tried: SEEKER NAMESPACE POD CONTAINER, one a line. Of a workload one of its pods,
# with an ephemeral container in it: whatever selects the pod, by labels, identity or address, means
# that as well. Tasks whose pods have ended, and pods that are not of the store, get a stand-in.
seekers() {
  kube get pods -A -l app.kubernetes.io/part-of=souk -o json | jq -r '[.items[]
    | select(.metadata.deletionTimestamp == null and any(.status.conditions[]?; .type == "Ready" and .status == "True"))]
    | group_by(.metadata.labels["app.kubernetes.io/name"])[] | .[0]
    | "\(.metadata.labels["app.kubernetes.io/name"]) \(.metadata.namespace) \(.metadata.name) -"'
  echo "catalogue souk verify-catalogue tools"
  echo "backup souk-data verify-backup tools"
  # Nobody, inside the store's own namespace; anyone, outside of it; and one who says that it is
  # order-service, outside of it.
  echo "nobody souk verify-nobody tools"
  echo "anyone verify-stranger verify-anyone tools"
  echo "impostor verify-stranger verify-impostor tools"
}
make_stand_ins() {
  local image
  image=$(tools_image)
  make_namespace verify-stranger
  SERVICE_ACCOUNT=catalogue make_pod souk verify-catalogue "$image" app.kubernetes.io/name=catalogue app.kubernetes.io/component=task souk/verify=helper
  SERVICE_ACCOUNT=backup make_pod souk-data verify-backup "$image" app.kubernetes.io/name=backup app.kubernetes.io/component=task souk/verify=helper
  make_pod souk verify-nobody "$image" souk/verify=helper
  make_pod verify-stranger verify-anyone "$image" souk/verify=helper
  make_pod verify-stranger verify-impostor "$image" souk/verify=helper app.kubernetes.io/name=order-service app.kubernetes.io/component=service
  for image in souk/verify-catalogue souk-data/verify-backup souk/verify-nobody verify-stranger/verify-anyone verify-stranger/verify-impostor; do
    kubectl wait pod "${image#*/}" -n "${image%/*}" --for=condition=Ready --timeout=90s >/dev/null || stop "the pod $image does not start"
  done
}

# What is tried: TARGET ADDRESS PORT HOW NODE, one a line: each port that a container of the store
# names, by its pod's address; the API server; and the cluster's DNS.
targets() {
  kube get pods -A -l app.kubernetes.io/part-of=souk -o json | jq -r '[.items[]
    | select(.metadata.deletionTimestamp == null and any(.status.conditions[]?; .type == "Ready" and .status == "True"))]
    | group_by(.metadata.labels["app.kubernetes.io/name"])[] | .[-1] as $pod | $pod.spec.containers[].ports[]? | .containerPort as $port
    | "\($pod.metadata.labels["app.kubernetes.io/name"]) \($pod.status.podIP) \($port) \(if $port == 5432 then "postgresql" elif $port == 6379 then "redis" elif $port == 4317 then "grpc" else "http" end) \($pod.metadata.name)"'
  echo "api-server $(kube get service kubernetes -n default -o jsonpath='{.spec.clusterIP}') 443 https -"
  echo "dns - 53 dns -"
}

# TARGETS on standard input: SEEKER TARGET:PORT yes|no, as the table has it.
expected() {
  local edges control
  edges=$(awk 'NR == FNR { there[$1]; next } !/^#/ && $4 in there' <(deployed) "$MAIN/verify.d/kubernetes/edges.txt")
  control=$(api_nodes)
  awk -v edges="$edges" -v pods="$(kube get pods -A -o json | jq -r '.items[] | "\(.metadata.name) \(.spec.nodeName)"')" -v control="$control" -v seekers="$(<"$WORK/seekers")" '
    BEGIN {
      n = split(edges, line, "\n"); for (i = 1; i <= n; i++) { split(line[i], w, " "); edge[w[1] " " w[2] ":" w[3]] = 1 }
      n = split(pods, line, "\n"); for (i = 1; i <= n; i++) { split(line[i], w, " "); node[w[1]] = w[2] }
      count = split(seekers, seeker, "\n")
      n = split(control, line, "\n"); for (i = 1; i <= n; i++) has_api[line[i]]
    }
    {
      for (i = 1; i <= count; i++) {
        split(seeker[i], s, " "); it = $1 ":" $3
        # Itself, by its own address, without a network between: shows that somebody listens.
        if (s[3] == $5) { print s[1], it, "yes"; continue }
        if ($1 == "dns") { print s[1], it, "yes"; continue }
        # A node may always be reached from the pods on it.
        if ($1 == "api-server" && node[s[3]] in has_api) continue
        # A stranger is not held back by policies of ours.
        if ($1 == "api-server" && s[2] == "verify-stranger") continue
        me = s[1] == "impostor" ? "anyone" : s[1]
        print s[1], it, ((me " " it) in edge ? "yes" : "no")
      }
    }'
}

# SEEKERS TARGETS ANSWERS: each from each, several seekers at a time, all targets at once.
try_all() {
  local seeker namespace pod container
  : >"$3"
  while read -r seeker namespace pod container; do
    while (($(jobs -rp | wc -l) >= ${SEEKERS_AT_ONCE:-4})); do wait -n || true; done
    {
      if [[ $container == tools ]]; then
        { sought "$2" && cat_prober; } | kubectl exec -i -n "$namespace" "$pod" -- bash -s
      else
        { sought "$2" && cat_prober; } | inside "$namespace" "$pod"
      fi | sed "s/^/$seeker /" >"$WORK/answers-$seeker"
    } &
  done <"$1"
  wait
  while read -r seeker namespace pod container; do cat "$WORK/answers-$seeker"; done <"$1" | awk 'NF == 3' >"$3.all"
  # Pairs of which nothing is expected (a node and its own pods) are left out.
  expected <"$2" | awk '{ print $1, $2 }' | sort >"$3.pairs"
  awk 'NR == FNR { wanted[$0]; next } ($1 " " $2) in wanted' "$3.pairs" "$3.all" >"$3"
}
sought() { printf 'targets="%s"\n' "$(awk '{ print $1, $2, $3, $4 }' "$1")"; }
# Bash and nothing else, so that thirty at once fit into the memory of any pod. A connection proves
# nothing: the other end must speak.
cat_prober() {
  cat <<'POD'
export LC_ALL=C
speaks() { # ADDRESS PORT HOW
  local answer=''
  case $3 in
    dns) getent ahostsv4 gateway.souk.svc.cluster.local >/dev/null && return || return ;;
    https) [[ $(curl -ks --max-time 3 -o /dev/null -w '%{http_code}' "https://$1:$2/version") != 000 ]]; return ;;
  esac
  exec 3<>"/dev/tcp/$1/$2" || return
  case $3 in
    postgresql) printf '\0\0\0\10\4\322\26\57' >&3; read -r -t 3 -N 1 answer <&3; [[ $answer == [NS] ]] ;;
    redis) printf 'PING\r\n' >&3; read -r -t 3 answer <&3; [[ $answer == +PONG* || $answer == -NOAUTH* ]] ;;
    http) printf 'GET / HTTP/1.1\r\nHost: verify\r\nConnection: close\r\n\r\n' >&3; read -r -t 3 answer <&3; [[ $answer == HTTP/1.?\ * ]] ;;
    grpc) printf 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0' >&3; read -r -t 3 -N 1 answer <&3; [[ -n $answer ]] ;;
  esac
}
folder=$(mktemp -d)
while read -r name address port how; do
  { speaks "$address" "$port" "$how" && : >"$folder/$name:$port"; } 2>/dev/null &
done <<<"$targets"
# Three seconds for all; who has not spoken by then does not.
for ((i = 0; i < 30; i++)); do
  [[ -n $(jobs -rp) ]] || break
  sleep 0.1
done
kill $(jobs -rp) 2>/dev/null
while read -r name address port how; do
  [[ -e $folder/$name:$port ]] && echo "$name:$port yes" || echo "$name:$port no"
done <<<"$targets"
rm -rf "$folder"
POD
}

# --- what a pod may be -----------------------------------------------------------------------------

claim restricted 90 "each namespace refuses every pod that wants more than restricted, and takes the same pod without"
claim_restricted() {
  local namespace told taken refused
  # A pod of order-service as it runs here, and eight that want one thing more.
  kube get deployment order-service -n souk -o json | jq '[
      {apiVersion: "v1", kind: "Pod", metadata: {name: "verify"}, spec: (.spec.template.spec | del(.serviceAccountName, .serviceAccount, .topologySpreadConstraints))} as $plain
      | ($plain | .metadata.name = "verify-plain"),
        ($plain | .metadata.name = "verify-privileged" | .spec.containers[0].securityContext += {privileged: true, allowPrivilegeEscalation: true}),
        ($plain | .metadata.name = "verify-escalating" | .spec.containers[0].securityContext.allowPrivilegeEscalation = true),
        ($plain | .metadata.name = "verify-root" | .spec.securityContext += {runAsNonRoot: false, runAsUser: 0}),
        ($plain | .metadata.name = "verify-capability" | .spec.containers[0].securityContext.capabilities.add = ["NET_ADMIN"]),
        ($plain | .metadata.name = "verify-no-seccomp" | .spec.securityContext.seccompProfile.type = "Unconfined"),
        ($plain | .metadata.name = "verify-host-network" | .spec.hostNetwork = true),
        ($plain | .metadata.name = "verify-host-processes" | .spec.hostPID = true | del(.spec.shareProcessNamespace)),
        ($plain | .metadata.name = "verify-host-files" | .spec.volumes += [{name: "host", hostPath: {path: "/"}}])
    ] | {apiVersion: "v1", kind: "List", items: .}' >"$WORK/variants.json"
  for namespace in $NAMESPACES; do
    # Those that are refused make it fail.
    told=$(kube create --dry-run=server -n "$namespace" -f "$WORK/variants.json" 2>&1) || true
    echo "$told"
    taken=$(sed -n 's/^pod\/\(verify-[a-z-]*\) created.*/\1/p' <<<"$told" | tr '\n' ' ')
    refused=$(grep -c 'violates PodSecurity "restricted:' <<<"$told" || true)
    [[ $taken == 'verify-plain ' ]] || wrong "$namespace takes: ${taken:-not even the plain one}"
    [[ $refused == 8 ]] || wrong "$namespace refuses $refused of 8 by its Pod Security Standard"
  done
  saw "4 namespaces: the plain pod of order-service is taken; privileged, escalating, root, with a capability, without seccomp, with the host's network, processes or files, it is refused"
}

# --- what a pod may know ---------------------------------------------------------------------------

claim secrets 420 "in its environment and all its mounts each pod has its own secrets and no other, and no token but discovery's"
claim_secrets() {
  local pods namespace pod container found all name value size expected got count=0 pid
  # NAME LENGTH, and beside it the values: in this process's memory alone.
  declare -A secret
  all=$(kube get secret souk-generated -n souk-data -o json | jq -r '.data | to_entries[] | select(.key | test("sha256$|jwks$") | not) | "\(.key) \(.value)"')
  while read -r name value; do
    # Files' ends do not count.
    secret[$name]=$(base64 --decode <<<"$value")
    size=${#secret[$name]}
    ((size >= 8)) || stop "the secret $name has $size characters, too few to be looked for"
  done <<<"$all"
  pods=$(kube get pods -A -l app.kubernetes.io/part-of=souk -o json | jq -r '[.items[]
    | select(.metadata.deletionTimestamp == null and any(.status.conditions[]?; .type == "Ready" and .status == "True"))]
    | group_by(.metadata.labels["app.kubernetes.io/name"])[] | .[0] as $p | $p.spec.containers[] | "\($p.metadata.namespace) \($p.metadata.name) \(.name)"')
  mkdir -p "$WORK/known" && chmod 700 "$WORK/known"
  while read -r namespace pod container; do
    while (($(jobs -rp | wc -l) >= 4)); do wait -n || true; done
    kube get pod "$pod" -n "$namespace" -o json | jq -r --arg c "$container" '.spec as $s | $s.containers[] | select(.name == $c) | .volumeMounts[]?
      | . as $m | ($s.volumes[] | select(.name == $m.name)) | select(.persistentVolumeClaim | not) | $m.mountPath' >"$WORK/known/mounts-$pod-$container"
    # It comes over the connection, and into no log.
    { printf 'mounts="%s"\n' "$(<"$WORK/known/mounts-$pod-$container")" && cat_knowledge; } | inside "$namespace" "$pod" "$container" >"$WORK/known/$pod-$container" &
  done <<<"$pods"
  wait
  while read -r namespace pod container; do
    got=''
    [[ $(tail -n 1 "$WORK/known/$pod-$container") == 'verify: all read' ]] || wrong "$pod could not be looked into"
    found=$(tr '\0' '\n' <"$WORK/known/$pod-$container")
    for name in $(printf '%s\n' "${!secret[@]}" | sort); do
      [[ $found != *"${secret[$name]}"* ]] || got+=" $name"
    done
    expected=$(secrets_of "$pod" "$container")
    [[ ${got# } == "$expected" ]] || wrong "$pod, $container: it has '${got# }', and should have '$expected'"
    # A token begins with {"alg":
    value=no
    ! grep -q 'eyJhbGciOi' <<<"$found" || value=yes
    [[ $pod/$container == prometheus-*/discovery || $value == no ]] || wrong "$pod, $container has a token"
    [[ $pod/$container != prometheus-*/discovery || $value == yes ]] || wrong "discovery has no token"
    count=$((count + 1))
  done <<<"$pods"
  rm -rf "$WORK/known"
  # What the API server would give to those that have ended: tasks.
  found=$(kube get pods,jobs,cronjobs,deployments,statefulsets -A -l app.kubernetes.io/part-of=souk -o json | jq -r '[.items[]
    | (.spec.jobTemplate.spec.template.spec // .spec.template.spec // .spec) as $s | select($s.automountServiceAccountToken != false) | "\(.kind)/\(.metadata.name)"] | join(" ")')
  [[ -z $found ]] || wrong "these would get a token by default: $found"
  found=$(kube get pods -A -l app.kubernetes.io/part-of=souk -o json | jq -r '[.items[] | .metadata.name as $n | .spec as $s | $s.volumes[]? | select(any(.projected.sources[]?; .serviceAccountToken)) | .name as $v
    | $s.containers[] | select(any(.volumeMounts[]?; .name == $v)) | "\($n)/\(.name)"] | join(" ")')
  [[ $found == prometheus-0/discovery ]] || wrong "a token is projected into: $found"
  saw "$count containers against ${#secret[@]} generated values, none printed: each has its own alone; one token, of discovery beside Prometheus"
}
# POD CONTAINER: what of souk-data/souk-generated it should have, sorted.
secrets_of() {
  case $1/$2 in
    product-service-*) echo "db-product service-product" ;;
    cart-service-*) echo "admin-password.hash redis service-cart session.pem" ;;
    order-service-*) echo "db-order service-order" ;;
    payment-service-*) echo "db-payment gateway-key" ;;
    inventory-service-*) echo "db-inventory" ;;
    mock-gateway-db-*) echo "administrator-mock-gateway db-mock-gateway monitor-mock-gateway" ;;
    mock-gateway-*) echo "db-mock-gateway gateway-key" ;;
    postgres-exporter-*) echo "monitor-$2" ;;
    redis-exporter-* | redis-*) echo "redis" ;;
    *-db-0/*) echo "administrator-${1%-db-0} db-${1%-db-0} monitor-${1%-db-0}" ;;
    grafana-*) echo "grafana-password" ;;
  esac
}
# Of every process that is not this container's own: what it was started with, and all files below the
# mounts that are given.
cat_knowledge() {
  cat <<'POD'
me=$(readlink /proc/self/ns/mnt) seen=''
for process in /proc/[0-9]*; do
  space=$(readlink "$process/ns/mnt") || continue
  [[ $space != "$me" && $(<"$process/comm") != pause ]] || continue
  cat "$process/environ" && echo
  [[ $seen != *" $space "* ]] || continue
  seen+=" $space "
  while read -r mount; do
    [[ -z $mount ]] || find -L "$process/root$mount" -type f -size -1024k -exec cat {} \; -exec echo \; 2>/dev/null
  done <<<"$mounts"
  # Where a token would be by default.
  find -L "$process/root/var/run/secrets" -type f -exec cat {} + 2>/dev/null
done
[[ -z $seen ]] || printf '\nverify: all read\n'
POD
}

# --- the components --------------------------------------------------------------------------------

claim combinations 600 "every combination of components, and both overlays, render and are taken by the API server"
claim_combinations() {
  local observed stores replicas ingress backup catalogue
  # shellcheck source=main/verify.d/combinations.sh
  source "$MAIN/verify.d/combinations.sh"
  for observed in '' observability 'observability grafana' 'observability collector' 'observability grafana collector'; do
    for stores in '' external-data; do
      for replicas in '' replicas autoscaling; do
        for ingress in '' ingress; do
          for backup in '' backup; do
            for catalogue in '' catalogue; do
              echo "$observed $catalogue $backup $replicas $ingress $stores"
            done
          done
        done
      done
    done
  done | try_combinations "$MAIN/kubernetes/overlays/dev" "$MAIN/kubernetes/overlays/production"
}
