# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # expanded in a pod; variables of lib.sh and main/verify
# Who is let in by whom: by certificate, by identity, method and path, by token; and who is let out.

# --- plain text ------------------------------------------------------------------------------------

claim plain-text 150 "without a certificate of the mesh every service and store accepts the connection and closes it before the first byte"
claim_plain_text() {
  local told name how answer total=0
  TOOLS_IMAGE=$(tools_image)
  let_probers_through
  make_namespace verify-stranger
  make_pod verify-stranger verify-plain "$TOOLS_IMAGE" souk/verify=helper souk/verify-prober=yes
  await_pod verify-stranger verify-plain
  ports_of_store >"$WORK/ports"
  # By pods' addresses, so that there is nothing between.
  within 30 opens_for_plain || stop "the prober reaches nothing: NetworkPolicies hold it back, not the mesh"
  told=$({ printf 'targets="%s"\n' "$(<"$WORK/ports")" && cat <<'POD'
# Who is cut off while he speaks goes on.
trap '' PIPE
while read -r name address port how; do
  answer=none
  if exec 3<>"/dev/tcp/$address/$port"; then
    case $how in
      http) printf 'GET /health HTTP/1.1\r\nHost: verify\r\nConnection: close\r\n\r\n' >&3 ;;
      postgresql) printf '\0\0\0\10\4\322\26\57' >&3 ;;
      redis) printf 'PING\r\n' >&3 ;;
    esac
    first='' status=0
    LC_ALL=C read -r -t 5 -N 1 first <&3 || status=$?
    # Ended without a byte; with one; or neither within five seconds.
    if [[ -n $first ]]; then answer=spoke; elif ((status > 128)); then answer=silent; else answer=closed; fi
    exec 3>&-
  fi 2>/dev/null
  echo "$name:$port $how $answer"
done <<<"$targets"
POD
  } | kubectl exec -i -n verify-stranger verify-plain -- bash -s)
  while read -r name how answer; do
    total=$((total + 1))
    [[ $answer == closed ]] || wrong "$name ($how): $answer"
  done <<<"$told"
  ((total >= 11)) || wrong "only $total ports were tried"
  saw "$total ports of services, stores and observers: connected, asked by HTTP, PostgreSQL or Redis, closed without a byte"
}
# The first one lets a connection through.
opens_for_plain() {
  local address port
  read -r _ address port _ <"$WORK/ports"
  kubectl exec -n verify-stranger verify-plain -- bash -c "exec 3<>/dev/tcp/$address/$port" 2>/dev/null
}
# NAME ADDRESS PORT HOW of what a Service of ours leads to, in the namespaces of the mesh.
ports_of_store() {
  local namespace
  for namespace in souk souk-data souk-observability; do
    kube get pods -n "$namespace" -l app.kubernetes.io/part-of=souk -o json
  done | jq -rs '[.[].items[] | select(.metadata.deletionTimestamp == null and any(.status.conditions[]?; .type == "Ready" and .status == "True"))]
    | group_by(.metadata.labels["app.kubernetes.io/name"])[] | .[0] as $pod | $pod.metadata.labels["app.kubernetes.io/name"] as $name
    | select($name | test("exporter$") | not) | $pod.spec.containers[] | select(.name != "istio-proxy") | .ports[]? | select(.name | test("^(http|postgresql|redis|query|otlp-http)$"))
    | "\($name) \($pod.status.podIP) \(.containerPort) \(if .containerPort == 5432 then "postgresql" elif .containerPort == 6379 then "redis" else "http" end)"'
}

# --- the table of edges, by identity ---------------------------------------------------------------

claim identities 480 "every identity tries every operation of every service and every store: what the table of edges has is let through, all else gets 403, at stores a closed connection"
claim_identities() {
  local namespace name count
  TOOLS_IMAGE=$(tools_image)
  let_probers_through
  lend_identity_of_restore
  identities >"$WORK/identities"
  # A few at a time: each is a pod with a sidecar.
  while read -r namespace name; do make_prober "$namespace" "$name"; done <"$WORK/identities"
  operations >"$WORK/operations"
  expected_by_identity >"$WORK/expected"
  while read -r namespace name; do await_pod "$namespace" "verify-as-$name"; done <"$WORK/identities"
  try_identities "$WORK/answers"
  # Policies and endpoints reach a sidecar a moment after it is ready: what differs is asked again.
  for count in 1 2 3; do
    [[ -n $(differing) ]] || break
    sleep 5
    try_identities "$WORK/answers"
  done
  while read -r name; do [[ -z $name ]] || wrong "$name"; done < <(differing | head -n 12)
  kube delete serviceaccount restore -n souk-data --wait=false >/dev/null
  saw "$(wc -l <"$WORK/identities") identities, $(wc -l <"$WORK/operations") operations: $(grep -c ' open$' "$WORK/answers") let through, $(grep -c ' refused$' "$WORK/answers") refused (403 of the callee's sidecar, or closed before the first byte), as in the table"
}
# NAMESPACE SERVICEACCOUNT, one a line: all of the table that are in the mesh; the ingress gateway, which
# only a mesh has; and a pod of nobody's.
identities() {
  local when
  when=$(deployed_in_mesh)
  awk -v when="$when" '
    BEGIN { n = split(when, w, " "); for (i = 1; i <= n; i++) on[w[i]] }
    /^#/ || !NF || !($4 in on) { next }
    { for (i = 1; i <= 2; i++) if ($i !~ /^(anyone|api-server|mock-gateway.*)$/ && !seen[$i]++) print $i }' "$MAIN/verify.d/kubernetes/edges.txt" |
    while read -r name; do echo "$(in_namespace "$name") $name"; done
  echo "souk-ingress ingress-gateway"
  echo "souk default"
}
# restore's identity is there while main/restore runs, and what it may do always: its ServiceAccount, as
# main/restore makes it.
lend_identity_of_restore() {
  kubectl kustomize "$MAIN/kubernetes/restore" | awk 'BEGIN { RS = "\n---\n" } /(^|\n)kind: ServiceAccount(\n|$)/' |
    kube apply --server-side --force-conflicts --field-manager="$FIELD_MANAGER" -f - >/dev/null
}
deployed_in_mesh() {
  printf 'always restore'
  ! kube get job catalogue -n souk >/dev/null 2>&1 || printf ' catalogue'
  ! kube get cronjob backup -n souk-data >/dev/null 2>&1 || printf ' backup'
  ! kube get statefulset prometheus -n souk-observability >/dev/null 2>&1 || printf ' observability'
}
# What can be asked: CALLEE HOST PORT METHOD PATH, out of the policies themselves (each operation that
# anybody has), and some that nobody has; of stores, PORT alone.
operations() {
  local namespace
  for namespace in souk souk-data souk-observability; do
    kube get authorizationpolicies.security.istio.io -n "$namespace" -l app.kubernetes.io/managed-by=souk-deploy -o json
  done | jq -rs '
    {"product-service": 8001, "cart-service": 8002, "order-service": 8003, "payment-service": 8004, "inventory-service": 8005, gateway: 80} as $ports
    | [.[].items[] | select(.spec.selector and (.metadata.name | test("^(collector)$") | not)) | .metadata as $m | $m.name as $callee
      | .spec.rules[].to[].operation as $o
      | ($ports[$callee] // ($o.ports[0] | tonumber)) as $port
      | "\($callee).\($m.namespace).svc.cluster.local" as $host
      | if ($callee | test("-db$|^redis$")) then "\($callee) \($host) \($port) - -"
        else ((($o.methods // ["GET"])[] as $method | ($o.paths // ["/"])[] as $path | [$method, $path]),
            # A method and a path that nobody has.
            ["TRACE", ($o.paths // ["/"])[0]], [($o.methods // ["GET"])[0], "/verify-nothing"])
          | "\($callee) \($host) \($port) \(.[0]) \(.[1] | gsub("\\{\\*\\}"; "verify") | gsub("\\*$"; "verify"))" end] | unique[]'
}
# IDENTITY CALLEE METHOD PATH open|refused: an edge of edges.txt, and an operation that a rule of the
# callee names for this identity.
expected_by_identity() {
  local namespace rules
  rules=$(for namespace in souk souk-data souk-observability; do
    kube get authorizationpolicies.security.istio.io -n "$namespace" -l app.kubernetes.io/managed-by=souk-deploy -o json
  done | jq -rs '[.[].items[] | select(.spec.selector) | .metadata.name as $callee | .spec.rules[]? | ([.from[]?.source.principals[]?] | if . == [] then ["*"] else . end)[] as $who
    | .to[].operation as $o | (($o.methods // ["*"])[]) as $method | (($o.paths // ["*"])[]) as $path
    | "\($callee) \($who | sub("^cluster.local/ns/"; "") | sub("/sa/"; "/")) \($method) \($path | gsub("\\{\\*\\}"; "verify") | gsub("\\*$"; "verify") | if . == "verify" then "*" else . end)"] | unique[]')
  awk -v when="$(deployed_in_mesh)" -v rules="$rules" -v identities="$(<"$WORK/identities")" '
    BEGIN {
      n = split(when, w, " "); for (i = 1; i <= n; i++) on[w[i]]
      n = split(rules, line, "\n"); for (i = 1; i <= n; i++) { split(line[i], r, " "); rule[r[1], r[2], r[3], r[4]] = 1 }
      count = split(identities, who, "\n")
    }
    NR == FNR { if (!/^#/ && NF && $4 in on) edge[$1, $2] = 1; next }
    {
      for (i = 1; i <= count; i++) {
        split(who[i], p, " "); me = p[1] "/" p[2]; all = p[1] "/*"
        # Sidecars send spans for whatever pod of souk they are, and the ingress gateway does; shoppers
        # come through that one. Prometheus asks at 15020, outside the mesh.
        known = ((p[2], $1) in edge) || ($1 == "jaeger" && (p[1] == "souk" || p[2] == "ingress-gateway")) || ($1 == "gateway" && p[2] == "ingress-gateway")
        open = 0
        if (known) open = rule[$1, me, $4, $5] || rule[$1, me, "*", "*"] || rule[$1, me, "*", $5] || rule[$1, all, $4, $5]
        if (known && $4 == "-") open = rule[$1, me, "*", "*"]
        print p[2], $1, $4, $5, (open ? "open" : "refused")
      }
    }' "$MAIN/verify.d/kubernetes/edges.txt" "$WORK/operations" | sort -u
}
differing() {
  comm -13 <(sort "$WORK/answers") <(sort "$WORK/expected") | sed 's/^/as the table has it: /'
  comm -23 <(sort "$WORK/answers") <(sort "$WORK/expected") | sed 's/^/what was seen: /'
}
# FILE: each asks each.
try_identities() {
  local namespace name
  while read -r namespace name; do
    while (($(jobs -rp | wc -l) >= 4)); do wait -n || true; done
    { printf 'me=%s\noperations="%s"\n' "$name" "$(<"$WORK/operations")" && cat_asker; } |
      kubectl exec -i -n "$namespace" "verify-as-$name" -c tools -- bash -s >"$WORK/answers-$name" &
  done <"$WORK/identities"
  wait
  while read -r namespace name; do cat "$WORK/answers-$name"; done <"$WORK/identities" | sort -u >"$1"
}
cat_asker() {
  cat <<'POD'
export LC_ALL=C
# Who is cut off while he speaks goes on.
trap '' PIPE
while read -r callee host port method path; do
  said=''
  case $port in
    5432 | 6379)
      first='' status=130
      if exec 3<>"/dev/tcp/$host/$port"; then
        status=0
        if [[ $port == 5432 ]]; then printf '\0\0\0\10\4\322\26\57' >&3; else printf 'PING\r\n' >&3; fi
        read -r -t 5 -N 1 first <&3 || status=$?
        exec 3>&-
      fi 2>/dev/null
      if [[ -n $first ]]; then said=open; elif ((status > 128)); then said=silent; else said=refused; fi
      ;;
    *)
      # 4317 speaks HTTP/2.
      answer=$(curl -s --max-time 5 $([[ $port != 4317 ]] || echo --http2-prior-knowledge) -X "$method" -H 'content-length: 0' -o /tmp/answer -w '%{http_code}' "http://$host:$port$path")
      if [[ $answer == 403 ]] && grep -q '^RBAC: access denied' /tmp/answer; then said=refused; elif [[ $answer == 000 ]]; then said=nothing; else said=open; fi
      ;;
  esac
  echo "$me $callee $method $path $said"
done <<<"$operations"
POD
}

# --- tokens ----------------------------------------------------------------------------------------

claim tokens 120 "at the ingress gateway a forged, expired, foreign-key, foreign-issuer or unsigned bearer token gets 401; in a cookie it opens the page and a new session starts"
claim_tokens() {
  local token kind status body cookie good
  become_shopper
  # shellcheck disable=SC2153 # become_shopper sets it
  good=$TOKEN
  kube get secret session-private-key -n souk -o jsonpath='{.data.session\.pem}' | base64 --decode | kubectl exec -i -n souk verify-tools -- tee /tmp/session.pem >/dev/null
  cat_tokens | kubectl exec -i -n souk verify-tools -- env "GOOD=$good" bash -s >"$WORK/tokens"
  in_store rm -f /tmp/session.pem
  [[ $(wc -l <"$WORK/tokens") == 6 ]] || stop "the tokens to try could not be made: $(tail -n 1 "$WORK/tokens")"
  # The one that is as it should be shows that the others differ in that one thing.
  while read -r kind token; do
    if [[ $kind == own ]]; then
      [[ $(status_of "$STORE/api/orders" -H "authorization: Bearer $token") == 200 ]] || wrong "a token signed as cart-service does it is refused"
      continue
    fi
    body=$(in_store curl -sk --max-time 10 -w '\n%{http_code}' -H "authorization: Bearer $token" "$STORE/api/products?limit=1")
    status=${body##*$'\n'}
    [[ $status == 401 && $body == Jwt* ]] || wrong "$kind as bearer: $status $(head -c 100 <<<"$body")"
    # Of TLS, the same door.
    status=$(status_of --connect-to ::ingress-gateway.souk-ingress:443 https://souk.localhost/ -H "authorization: Bearer $token")
    [[ $status == 401 ]] || wrong "$kind as bearer by https: $status"
    cookie="souk_souk_shopper=$token"
    status=$(status_of --connect-to ::ingress-gateway.souk-ingress:443 https://souk.localhost/ -H "cookie: $cookie")
    [[ $status == 200 ]] || wrong "$kind in a cookie: the home page is answered $status"
    body=$(in_store curl -sk --max-time 10 -D - -o /dev/null -X POST -H "cookie: $cookie" -H 'origin: https://souk.example.com' --connect-to ::ingress-gateway.souk-ingress:443 https://souk.example.com/api/session)
    if [[ $body != HTTP*' 20'[01]* ]] || ! grep -qi '^set-cookie: souk_souk_shopper=' <<<"$body"; then
      wrong "$kind in a cookie: no new session: $(head -n 1 <<<"$body")"
    fi
  done <"$WORK/tokens"
  rm -f "$WORK/tokens"
  saw "forged, expired, foreign-key, foreign-issuer, unsigned: 401 each as bearer, by http and https; each in a cookie: 200, and POST /session sets a new one; the same token unspoilt: 200"
}
# CURL-ARGUMENT...: the status.
status_of() { in_store curl -sk --max-time 10 -o /dev/null -w '%{http_code}' "$@"; }
# KIND TOKEN, one a line, made from a good one.
cat_tokens() {
  cat <<'POD'
set -euo pipefail
export LC_ALL=C
url() { base64 -w0 | tr '+/' '-_' | tr -d '='; }
back() { local t; t=$(tr -- '-_' '+/'); while ((${#t} % 4)); do t+='='; done; base64 -d <<<"$t"; }
# HEADER CLAIMS KEY: a token signed by it.
sign() {
  local text hex
  text=$(printf %s "$1" | url).$(printf %s "$2" | url)
  hex=$(printf %s "$text" | openssl dgst -sha256 -sign "$3" | openssl asn1parse -inform DER | awk -F: '/INTEGER/ { h = $NF; while (length(h) < 64) h = "0" h; printf "%s", substr(h, length(h) - 63) }')
  echo "$text.$(printf "$(sed 's/../\\x&/g' <<<"$hex")" | url)"
}
head=$(cut -d . -f 1 <<<"$GOOD" | back) claims=$(cut -d . -f 2 <<<"$GOOD" | back)
openssl ecparam -name prime256v1 -genkey -noout -out /tmp/foreign.pem
echo "own $(sign "$head" "$claims" /tmp/session.pem)"
# Another shopper's name under the same signature.
echo "forged $(cut -d . -f 1 <<<"$GOOD").$(jq -c '.sub = "01900000-0000-7000-8000-000000000000"' <<<"$claims" | tr -d '\n' | url).$(cut -d . -f 3 <<<"$GOOD")"
echo "expired $(sign "$head" "$(jq -c '.exp = 1700000000' <<<"$claims")" /tmp/session.pem)"
echo "foreign-key $(sign "$head" "$claims" /tmp/foreign.pem)"
echo "foreign-issuer $(sign "$head" "$(jq -c '.iss = "elsewhere"' <<<"$claims")" /tmp/session.pem)"
echo "unsigned $(printf %s '{"alg":"none","typ":"JWT"}' | url).$(printf %s "$claims" | url)."
rm -f /tmp/foreign.pem
POD
}

# --- figures ---------------------------------------------------------------------------------------

claim metrics 120 "Prometheus gets the figures of every pod's sidecar and service together at 15020, and nobody else gets at that port"
claim_metrics() {
  local down address told
  TOOLS_IMAGE=$(tools_image)
  within 60 all_scraped || true
  down=$(ask_prometheus 'up == 0' | jq -r '[.data.result[].metric | "\(.job) \(.instance)"] | join(", ")')
  [[ -z $down ]] || wrong "not scraped: $down"
  told=$(ask_prometheus 'count by (job) (http_server_request_duration_seconds_count and on (pod) envoy_server_live)' | jq -r '[.data.result[].metric.job] | sort | join(" ")')
  [[ $(wc -w <<<"$told") -ge 5 ]] || wrong "figures of service and sidecar both are there of: $told"
  saw "$(ask_prometheus 'count(up)' | jq -r '.data.result[0].value[1]') targets, all of them up; figures of service and sidecar together of $told"
  address=$(kube get pod "$(pod_of product-service)" -n souk -o jsonpath='{.status.podIP}')
  # From a pod that nothing holds back at its own end.
  make_namespace verify-stranger
  make_pod verify-stranger verify-plain "$TOOLS_IMAGE" souk/verify=helper
  await_pod verify-stranger verify-plain
  told=$(kubectl exec -n verify-stranger verify-plain -- curl -s --max-time 3 -o /dev/null -w '%{http_code}' "http://$address:15020/stats/prometheus" || true)
  [[ $told == 000 ]] || wrong "a stranger gets $told at 15020 of product-service"
  saw "a stranger gets nothing there"
}
all_scraped() { [[ $(ask_prometheus 'up == 0' | jq '.data.result | length') == 0 ]]; }
# QUERY: within Prometheus' own pod.
ask_prometheus() {
  kubectl exec -n souk-observability prometheus-0 -c discovery -- curl -sS --max-time 10 --data-urlencode "query=$1" http://127.0.0.1:9090/api/v1/query
}

# --- the way out -----------------------------------------------------------------------------------

claim ways-out 240 "each workload's own sidecar refuses at once what its list does not have, inside and outside the cluster; payment-service reaches the payment company"
claim_ways_out() {
  local name namespace told line others=0 bad=0
  TOOLS_IMAGE=$(tools_image)
  for name in gateway "${SERVICES[@]}" product-db redis; do
    namespace=$(in_namespace "$name")
    told=$(cat_leaver | inside "$namespace" "$(pod_of "$name")") || { wrong "$name could not be asked"; continue; }
    echo "$name: $(tr '\n' ';' <<<"$told")"
    while read -r line; do
      case $name/$line in
        payment-service/company\ 200\ *) saw "payment-service reaches the payment company" ;;
        payment-service/company\ *) wrong "payment-service does not reach the payment company: $line" ;;
        # Its to ask.
        gateway/order-service\ *) ;;
        # 502 or closed, by its own sidecar, so within a second; a NetworkPolicy's silence would take longer.
        */*\ 502\ fast | */*\ 000\ fast) others=$((others + 1)) ;;
        *) bad=$((bad + 1)) && wrong "$name: $line" ;;
      esac
    done <<<"$told"
  done
  ((bad > 0)) || saw "$others ways out that are in no list (the payment company, order-service, a database, an address on the internet, the API server) refused within a second"
}
cat_leaver() {
  cat <<'POD'
try() { # NAME CURL-ARGUMENT...
  local from=${EPOCHREALTIME//[.,]/} code took
  code=$(curl -sk --max-time 5 -o /dev/null -w '%{http_code}' "${@:2}")
  took=$(((${EPOCHREALTIME//[.,]/} - from) / 1000))
  echo "$1 ${code:-000} $( ((took < 1000)) && echo fast || echo "after $took ms")"
}
try company http://mock-gateway.souk-partner:8006/health/live
try company-by-its-full-name http://mock-gateway.souk-partner.svc.cluster.local:8006/health/live
try internet http://203.0.113.7:80/
try internet-by-tls https://203.0.113.7/
try api-server https://kubernetes.default.svc.cluster.local/version
try order-service http://order-service.souk.svc.cluster.local:8003/health/live
try store-by-http http://mock-gateway-db.souk-partner.svc.cluster.local:5432/
POD
}
