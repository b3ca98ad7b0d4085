# shellcheck shell=bash disable=SC2016 # templates are not the shell's
# Secrets: generated once, never overwritten.
#
# All that is generated stands in one Secret, souk-data/souk-generated, which no pod mounts. It is
# created in one step, so two who deploy at once, or one who is interrupted, never make two halves of
# different passwords. The Secrets that pods mount are derived from it, each with what its workload
# needs and nothing more; one that is missing is made again, one that is there stays as it is.
#
# The values are made inside the cluster by the program that Compose and the native runner use
# (souk-keys of the image souk/tools), and come back over `kubectl exec`, whose output no node logs.
# So nothing is needed on this machine but kubectl: no openssl (whose versions differ), no docker.

# Those that the rendered file names, as NAMESPACE/NAME.
needed_secrets() {
  awk '
    /^---/ { namespace = "" }
    /^  namespace: / { namespace = $2 }
    /secretName: |credentialName: / { for (i = 1; i <= NF; i++) if ($i ~ /^(secret|credential)Name:$/) print namespace "/" $(i + 1) }
    /secretKeyRef:|secretRef:/ { in_ref = 1; next }
    in_ref && / name: / { sub(/.* name: /, ""); print namespace "/" $1; in_ref = 0 }
  ' "$1" | sort -u
}

readonly RANDOMS='db-product db-order db-payment db-inventory db-mock-gateway
  administrator-product administrator-order administrator-payment administrator-inventory administrator-mock-gateway
  monitor-product monitor-order monitor-payment monitor-inventory monitor-mock-gateway
  service-product service-cart service-order redis gateway-key grafana-password'

# What the pod runs: prints the entries of the Secret.
_generate() {
  printf 'set -euo pipefail\numask 077\nrandoms="%s"\n' "$RANDOMS"
  cat <<'POD'
random() { od -An -v -tx1 -N"$1" /dev/urandom | tr -d ' \n'; }
entry() { printf '  %s: %s\n' "$1" "$(base64 -w0)"; }
for name in $randoms; do
  value=$(random 24)
  printf %s "$value" | entry "$name"
  # Of its secret a caller's callees know only this.
  case $name in service-*) printf %s "$value" | sha256sum | cut -d ' ' -f 1 | tr -d '\n' | entry "$name-sha256" ;; esac
done
password=$(random 9)
printf %s "$password" | entry admin-password
printf %s "$password" | souk-keys hash-password | entry admin-password.hash
souk-keys generate --private /tmp/session.pem --public /tmp/session.jwks >/dev/null
entry session.pem </tmp/session.pem
entry session.jwks </tmp/session.jwks
POD
}

# TOOLS-IMAGE: starts the pod souk/souk-keys, which has the program that makes keys.
start_keys_pod() {
  local image=$1 pod=souk-keys answer
  # Of an earlier run; one that stays makes the next command fail, which is told.
  kube delete pod $pod -n souk --ignore-not-found --wait=true --timeout=60s >/dev/null 2>&1 || true
  answer=$(
    kube create -f - 2>&1 <<Y
apiVersion: v1
kind: Pod
metadata:
  name: $pod
  namespace: souk
  # Before the mesh's rules for it are there, and without need of any.
  labels: { app.kubernetes.io/name: souk-keys, app.kubernetes.io/part-of: souk, sidecar.istio.io/inject: "false" }
spec:
  restartPolicy: Never
  activeDeadlineSeconds: 600
  terminationGracePeriodSeconds: 0
  automountServiceAccountToken: false
  securityContext: { runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, seccompProfile: { type: RuntimeDefault } }
  containers:
    - name: keys
      image: $image
      imagePullPolicy: IfNotPresent
      command: [sleep, "600"]
      securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: [ALL] } }
      resources: { requests: { cpu: 10m, memory: 32Mi }, limits: { memory: 128Mi } }
      volumeMounts: [{ name: tmp, mountPath: /tmp }]
  volumes: [{ name: tmp, emptyDir: { medium: Memory, sizeLimit: 1Mi } }]
Y
  ) || fail "the pod that makes keys and passwords was refused: $answer"
  if ! kubectl wait pod/$pod -n souk --for=condition=Ready --timeout=180s >/dev/null 2>&1; then
    answer=$(kube get pod $pod -n souk -o jsonpath='{.status.conditions[?(@.type=="PodScheduled")].message} {.status.containerStatuses[0].state.waiting.reason} {.status.containerStatuses[0].state.waiting.message}' 2>/dev/null || true)
    kube delete pod $pod -n souk --wait=false >/dev/null 2>&1 || true
    fail "the pod souk/$pod (image $image), which makes keys and passwords, did not start: ${answer:-no reason given}"
  fi
}
end_keys_pod() { kube delete pod souk-keys -n souk --wait=false >/dev/null 2>&1 || true; }

# TOOLS-IMAGE: the first time, makes souk-data/souk-generated.
_make_generated() {
  local made answer
  start_keys_pod "$1"
  made=$(_generate | kubectl exec -i -n souk souk-keys -- bash) || made=''
  end_keys_pod
  grep -q '^  session.jwks: ' <<<"$made" || fail "keys and passwords could not be made in the pod souk/souk-keys; nothing was changed"
  answer=$(
    kube create -f - 2>&1 <<Y
apiVersion: v1
kind: Secret
metadata:
  name: souk-generated
  namespace: souk-data
  labels: { app.kubernetes.io/part-of: souk }
data:
$made
Y
  ) || fail "the Secret souk-data/souk-generated could not be stored: ${answer%%data:*}"
}

# NAME: a generated value.
_value() {
  local encoded
  encoded=$(awk -v name="$1" '$1 == name { print $2 }' <<<"$GENERATED")
  [[ -n $encoded ]] || fail "the Secret souk-data/souk-generated has no $1; it is of an older version, or was changed"
  base64 --decode <<<"$encoded"
}

_encoded() {
  awk -v name="$1" '$1 == name { print $2 }' <<<"$GENERATED"
}

_database_url() { # ROLE SECRET HOST DATABASE
  printf 'postgresql://%s:%s@%s/%s' "$1" "$(_value "$2")" "$3" "$4"
}

# NAMESPACE/NAME: its entries, as YAML. Status 1: nothing that is generated.
_entries() {
  local service caller
  case $1 in
    souk/product-service | souk/order-service | souk/payment-service | souk/inventory-service)
      service=${1#souk/} && service=${service%-service}
      echo "stringData:"
      echo "  DATABASE_URL: $(_database_url "$service" "db-$service" "$service-db.souk-data:5432" "$service")"
      case $service in
        product) caller="order cart" ;;
        payment) caller="order" ;;
        inventory) caller="order cart product" ;;
        *) caller="" ;;
      esac
      _callers "$caller"
      case $service in product | order) echo "  SERVICE_SECRET: \"$(_value "service-$service")\"" ;; esac
      [[ $service != payment ]] || echo "  PAYMENT_GATEWAY_KEY: \"$(_value gateway-key)\""
      ;;
    souk/cart-service)
      echo "stringData:"
      echo "  REDIS_URL: redis://:$(_value redis)@redis.souk-data:6379/0"
      echo "  SERVICE_SECRET: \"$(_value service-cart)\""
      _callers order
      ;;
    souk/session-private-key)
      printf 'data:\n  session.pem: %s\n  admin-password.hash: %s\n' "$(_encoded session.pem)" "$(_encoded admin-password.hash)"
      ;;
    souk/administrator) printf 'data:\n  password: %s\n' "$(_encoded admin-password)" ;;
    souk-data/redis) printf 'data:\n  password: %s\n' "$(_encoded redis)" ;;
    souk-data/*-db | souk-partner/mock-gateway-db)
      service=${1#*/} && service=${service%-db}
      printf 'data:\n  password: %s\n  administrator-password: %s\n  monitor-password: %s\n' \
        "$(_encoded "db-$service")" "$(_encoded "administrator-$service")" "$(_encoded "monitor-$service")"
      ;;
    souk-data/backup | souk-data/restore)
      echo "stringData:"
      echo "  REDIS_URL: redis://:$(_value redis)@redis:6379/0"
      for service in product order payment inventory; do
        echo "  DATABASE_URL_$(tr '[:lower:]' '[:upper:]' <<<$service): $(_database_url $service db-$service $service-db:5432 $service)"
        [[ $1 != souk-data/restore ]] ||
          echo "  DATABASE_ADMIN_URL_$(tr '[:lower:]' '[:upper:]' <<<$service): $(_database_url administrator administrator-$service $service-db:5432 postgres)"
      done
      [[ $1 != souk-data/restore ]] || echo "  PAYMENT_GATEWAY_KEY: \"$(_value gateway-key)\""
      ;;
    souk-partner/mock-gateway)
      echo "stringData:"
      echo "  DATABASE_URL: $(_database_url mock_gateway db-mock-gateway mock-gateway-db:5432 mock_gateway)"
      echo "  GATEWAY_API_KEY: \"$(_value gateway-key)\""
      ;;
    souk-observability/grafana) printf 'data:\n  password: %s\n' "$(_encoded grafana-password)" ;;
    *) return 1 ;;
  esac
}

# CALLER...: who may call, and the SHA-256 of each one's secret.
_callers() {
  local caller list=''
  # shellcheck disable=SC2068 # a list in one word
  for caller in $@; do list+=${list:+;}$caller=$(_value "service-$caller-sha256"); done
  [[ -z $list ]] || echo "  ACCEPTED_CALLERS: \"$list\""
}

# What stands for the generated values where only their names matter.
_generated_names() {
  local name
  for name in $RANDOMS service-product-sha256 service-cart-sha256 service-order-sha256 \
    admin-password admin-password.hash session.pem session.jwks; do
    echo "$name eA=="
  done
}

# NAMESPACE/NAME...: those entries that a workload needs and that are not there, as words.
_lacking_entries() {
  local one present entry
  for one in "$@"; do
    # One of yours (a certificate) is yours to fill.
    _entries "$one" >/dev/null 2>&1 || continue
    present=$(kube get secret "${one#*/}" -n "${one%%/*}" -o go-template='{{range $k, $v := .data}}{{if $v}}{{$k}}{{"\n"}}{{end}}{{end}}' 2>/dev/null) || continue
    # A role of yours may make databases itself.
    for entry in $(_entries "$one" | sed -n 's/^  \([A-Za-z_.-]*\):.*/\1/p' | grep -v '^DATABASE_ADMIN_URL'); do
      grep -qxF -- "$entry" <<<"$present" || echo "$one: $entry"
    done
  done
}

# RENDERED-FILE MODE TOOLS-IMAGE: sees to it that every Secret that is named is there.
ensure_secrets() {
  local rendered=$1 mode=$2 image=$3 namespace present='' missing='' one entries answer made=0 needed='' foreign='' lacking
  for namespace in $NAMESPACES $MESH_NAMESPACES; do
    answer=$(kube get secrets -n "$namespace" -o go-template="{{range .items}}$namespace/{{.metadata.name}}{{\"\\n\"}}{{end}}" 2>&1) || {
      # The namespace of a component that this overlay does not have.
      [[ $answer == *NotFound* || $answer == *'not found'* ]] || fail "cannot see which Secrets are in $namespace: $(tail -n 1 <<<"$answer")"
      continue
    }
    present+=$answer$'\n'
  done
  GENERATED=$(_generated_names)
  for one in $(needed_secrets "$rendered" | sed 'p; s#^souk-data/backup$#souk-data/restore#' | sort -u); do
    needed+=" $one"
    grep -qxF "$one" <<<"$present" && continue
    missing+=" $one"
    _entries "$one" >/dev/null 2>&1 || foreign+=" $one"
  done
  answer=$(kube get configmap session-keys -n souk -o name --ignore-not-found 2>&1) || fail "cannot see whether the ConfigMap souk/session-keys is there: $(tail -n 1 <<<"$answer")"
  [[ -n $answer ]] || missing+=" session-keys"
  # Before anything is made or changed.
  if [[ $mode == external ]]; then
    [[ -z $missing ]] || fail "these are to come from outside and are missing:$missing (session-keys is a ConfigMap in souk). Nothing was changed. main/README.md says what is in them"
    # shellcheck disable=SC2086 # a list
    lacking=$(_lacking_entries $needed)
    [[ -z $lacking ]] || fail "of the Secrets from outside these entries are missing or empty:
$lacking
Nothing was changed. main/README.md says what is in them"
    say "Secrets: all there, from outside"
    return 0
  fi
  [[ -z $foreign ]] || fail "these are yours to make, and are missing:$foreign (gateway-tls is the certificate of your host name: cert-manager makes it, or kubectl -n NAMESPACE create secret tls gateway-tls --cert=FILE --key=FILE; for trying in a mesh: main/istio/certificate). Nothing was changed"
  if [[ -z $missing ]]; then
    say "Secrets: all there"
    return 0
  fi
  if ! grep -qx souk-data/souk-generated <<<"$present"; then
    # Stores that exist know their old passwords; new ones would lock the store out of its data.
    answer=$(kube get pvc -n souk-data -o name 2>&1) || fail "cannot see whether there are volumes in souk-data: $(tail -n 1 <<<"$answer")"
    if grep -q data- <<<"$answer"; then
      fail "the volumes of souk-data exist, but the Secret souk-data/souk-generated, which has their passwords, does not. Restore it from your copy, or delete the data: main/undeploy --data"
    fi
    say "Secrets: making keys and passwords (once)"
    _make_generated "$image"
  fi
  GENERATED=$(kube get secret souk-generated -n souk-data -o go-template='{{range $k, $v := .data}}{{$k}} {{$v}}{{"\n"}}{{end}}') ||
    fail "cannot read the Secret souk-data/souk-generated"
  for one in $RANDOMS admin-password admin-password.hash session.pem session.jwks; do
    [[ -n $(_encoded "$one") ]] || fail "the Secret souk-data/souk-generated has no $one; it is of an older version, or was changed"
  done
  for one in $missing; do
    if [[ $one == session-keys ]]; then
      kube create -f - >/dev/null <<Y || fail "the ConfigMap souk/session-keys could not be made"
apiVersion: v1
kind: ConfigMap
metadata:
  name: session-keys
  namespace: souk
  labels: { app.kubernetes.io/part-of: souk }
data:
  session.jwks: '$(_value session.jwks | tr -d '\n')'
Y
      continue
    fi
    entries=$(_entries "$one") || fail "the Secret $one is missing, and is none of those that are generated"
    answer=$(
      kube create -f - 2>&1 >/dev/null <<Y
apiVersion: v1
kind: Secret
metadata:
  name: ${one#*/}
  namespace: ${one%%/*}
  labels: { app.kubernetes.io/part-of: souk }
$entries
Y
    ) || fail "the Secret $one could not be made: $(head -n 1 <<<"$answer")"
    made=$((made + 1))
  done
  say "Secrets: $made made; copy souk-data/souk-generated to a safe place: without it the data cannot be opened"
}
