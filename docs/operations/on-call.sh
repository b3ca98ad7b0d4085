# shellcheck shell=bash
# The words of the runbooks, for a shell at the top of the checkout:
#
#   . docs/operations/on-call.sh native       (./souk up; SOUK_STATE, if it isn't .souk)
#   . docs/operations/on-call.sh compose      (./souk compose up)
#   . docs/operations/on-call.sh kubernetes   (kubectl's present context)
#
# What each of them runs is docs/operations/README.md's table.

_oc_service() {
  case $1 in
    product | cart | order | payment | inventory) echo "$1-service" ;;
    *) echo "$1" ;;
  esac
}

case ${1:-} in
  native)
    _oc_state() { readlink -f "${SOUK_STATE:-.souk}"; }
    _oc_port() { echo $(($(cat "$(_oc_state)/port-base") + $1)); }
    _oc_secret() { cat "$(_oc_state)/secrets/$1"; }
    oc_status() { ./souk status; }
    oc_logs() { ./souk logs "$1" -n "${2:-200}"; }
    oc_restart() { supervisorctl -c "$(_oc_state)/etc/supervisord.conf" restart "$(_oc_service "$1")"; }
    oc_audit() { ./souk audit; }
    oc_sql() { psql -X "postgresql://$1:$(_oc_secret "postgres-$1")@127.0.0.1:$(_oc_port 54)/$1" -c "$2"; }
    oc_redis() { REDISCLI_AUTH=$(_oc_secret redis) redis-cli -p "$(_oc_port 63)" "$@"; }
    _oc_store() { echo "http://127.0.0.1:$(_oc_port 88)"; }
    _oc_prometheus() { echo "http://127.0.0.1:$(_oc_port 90)"; }
    _oc_password() { _oc_secret admin-password; }
    ;;
  compose)
    _oc_compose() { docker compose -f local/docker-compose.yml "$@"; }
    _oc_value() { sed -n "s/^$1=//p" local/.env | tail -n 1; }
    oc_status() { _oc_compose ps -a; }
    oc_logs() { _oc_compose logs --no-log-prefix --tail "${2:-200}" "$(_oc_service "$1")"; }
    oc_restart() { _oc_compose restart "$(_oc_service "$1")"; }
    oc_audit() { _oc_compose run --rm tools audit; }
    oc_sql() { _oc_compose exec -T postgres psql -X -U postgres -d "$1" -c "$2"; }
    oc_redis() { _oc_compose exec -T redis redis-cli "$@"; }
    _oc_store() { local port; port=$(_oc_value SOUK_PORT); echo "http://127.0.0.1:${port:-8088}"; }
    _oc_prometheus() { local port; port=$(_oc_value PROMETHEUS_PORT); echo "http://127.0.0.1:${port:-9090}"; }
    _oc_password() { _oc_value ADMIN_PASSWORD; }
    ;;
  kubernetes)
    _oc_space() {
      case $1 in
        mock-gateway*) echo souk-partner ;;
        *-db | redis | *-exporter) echo souk-data ;;
        prometheus | alertmanager | jaeger | collector | grafana) echo souk-observability ;;
        *) echo souk ;;
      esac
    }
    oc_status() { kubectl get pods -A -l app.kubernetes.io/part-of=souk -o wide; }
    oc_logs() {
      local name
      name=$(_oc_service "$1")
      kubectl -n "$(_oc_space "$name")" logs -l "app.kubernetes.io/name=$name" --all-containers --tail "${2:-200}"
    }
    oc_restart() {
      local name
      name=$(_oc_service "$1")
      kubectl -n "$(_oc_space "$name")" rollout restart deployment,statefulset -l "app.kubernetes.io/name=$name"
    }
    oc_audit() { oc_admin GET /audit; }
    # Each has a PostgreSQL of its own.
    oc_sql() {
      local name=${1/_/-}-db
      kubectl -n "$(_oc_space "$name")" exec "$name-0" -c postgres -- psql -X -U postgres -d "$1" -c "$2"
    }
    oc_redis() { kubectl -n souk-data exec redis-0 -c redis -- redis-cli "$@"; }
    # Through kubectl port-forward (README.md), or addresses of one's own.
    _oc_store() { echo "${STORE_URL:-http://127.0.0.1:8088}"; }
    _oc_prometheus() { echo "${PROMETHEUS_URL:-http://127.0.0.1:9090}"; }
    _oc_password() { kubectl -n souk get secret administrator -o go-template='{{.data.password | base64decode}}' && echo; }
    ;;
  *)
    echo "usage: . docs/operations/on-call.sh native|compose|kubernetes" >&2
    return 2
    ;;
esac

# PROMQL: each series of the answer on a line.
oc_ask() {
  curl -sS --max-time 10 "$(_oc_prometheus)/api/v1/query" --data-urlencode "query=$1" |
    jq -r 'if .status == "success" then .data.result[] | "\(.metric | del(.__name__) | to_entries | map("\(.key)=\(.value)") | join(" "))  \(.value[1])"
      else .error end'
}

# What is wrong just now, by urgency.
oc_alerts() {
  curl -sS --max-time 10 "$(_oc_prometheus)/api/v1/alerts" |
    jq -r '.data.alerts | sort_by(.labels.severity, .labels.alertname)[]
      | "\(.labels.severity)\t\(.state)\t\(.labels.alertname)\t\(.annotations.description)"'
}

# METHOD PATH [JSON]: a request as the store's administrator. /orders?state=captured, for instance.
oc_admin() {
  local token store body=()
  store=$(_oc_store)
  token=$(_oc_password | jq -R '{username: "admin", password: .}' |
    curl -sS --max-time 10 "$store/api/session/admin" -H 'Content-Type: application/json' -d @- | jq -r .token)
  if (($# > 2)); then body=(-H 'Content-Type: application/json' -d "$3"); fi
  if [[ $1 == POST ]]; then body+=(-H "Idempotency-Key: $(cat /proc/sys/kernel/random/uuid)"); fi
  curl -sS --max-time 60 -X "$1" "$store/api$2" -H @- "${body[@]}" <<<"Authorization: Bearer $token" | jq .
}

echo "oc_status, oc_alerts, oc_logs NAME [LINES], oc_restart NAME, oc_audit, oc_sql DATABASE SQL, oc_redis WORD..., oc_ask PROMQL, oc_admin METHOD PATH [JSON]"
