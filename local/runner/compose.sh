# shellcheck shell=bash
# ./souk compose: the stack of local/docker-compose.yml, for those who don't want to remember the
# file's name. Needs Docker and nothing else; local/README.md walks through the stack.

readonly COMPOSE_NEEDED=2.20

_compose() {
  docker compose -f "$ROOT/local/docker-compose.yml" "$@"
}

# What the images' labels say of where they come from.
_label_images() {
  local source
  # No git, or no such address: unknown.
  source=$(git -C "$ROOT" config remote.origin.url 2>/dev/null) || true
  # A path of this machine, or an address with a password in it, is nobody else's business.
  [[ $source == https://* && $source != *@* ]] || source=unknown
  export SOUK_REVISION=${SOUK_REVISION:-$(git -C "$ROOT" rev-parse HEAD 2>/dev/null || echo unknown)}
  export SOUK_SOURCE=${SOUK_SOURCE:-$source}
}

# One sentence for each thing that is missing.
check_docker() {
  local version answer
  command -v docker >/dev/null || fail "docker is missing; install Docker Engine (or Docker Desktop) first"
  answer=$(docker version --format '{{.Server.Version}}' 2>&1) || {
    [[ $answer != *'permission denied'* ]] || fail "you may not use Docker; join the group docker, or use sudo"
    fail "Docker does not answer; start it first (sudo systemctl start docker)"
  }
  version=$(docker compose version --short 2>/dev/null) ||
    fail "docker has no 'compose'; install the plugin docker-compose-plugin, $COMPOSE_NEEDED or newer"
  version=${version#v}
  [[ $(printf '%s\n' "$COMPOSE_NEEDED" "$version" | sort -V | head -n 1) == "$COMPOSE_NEEDED" ]] ||
    fail "docker compose is $version, and $COMPOSE_NEEDED or newer is needed; update the plugin docker-compose-plugin"
}

_compose_value() {
  sed -n "s/^$1=//p" "$ROOT/local/.env" | tail -n 1
}

# A port that others have is named before anything starts. One that this stack has itself is not.
_check_compose_ports() {
  local name port mine
  # shellcheck disable=SC2016 # docker's own variables
  mine=$(_compose ps -q 2>/dev/null | xargs -r docker inspect -f '{{range $p, $c := .NetworkSettings.Ports}}{{range $c}}{{.HostPort}} {{end}}{{end}}' 2>/dev/null | tr '\n' ' ')
  for name in SOUK_PORT PROMETHEUS_PORT ALERTMANAGER_PORT JAEGER_PORT GRAFANA_PORT; do
    [[ $name == SOUK_PORT || $(_compose_value COMPOSE_PROFILES) == *observability* ]] || continue
    [[ $name != GRAFANA_PORT || $(_compose_value COMPOSE_PROFILES) == *grafana* ]] || continue
    port=$(_compose_value "$name")
    [[ -n $port && " $mine " != *" $port "* ]] || continue
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      fail "port $port is in use by another program; end it, or set another $name in local/.env"
    fi
  done
}

_compose_up() {
  local small=() word arguments=() profiles
  for word in "$@"; do
    case $word in
      --small) small=(--small) ;;
      *) arguments+=("$word") ;;
    esac
  done
  "$ROOT/local/make-env" "${small[@]}"
  profiles=$(_compose_value COMPOSE_PROFILES)
  _check_compose_ports
  _compose up -d --build --wait --wait-timeout 900 "${arguments[@]}" || {
    warn "the stack did not come up whole; these are not as they should be:"
    # grep finds nothing when a container could not even be made.
    _compose ps -a --format '{{.Service}}\t{{.Status}}' | grep -v -e '(healthy)' -e 'Exited (0)' >&9 || true
    fail "what docker said above, or ./souk compose logs SERVICE, tells why"
  }
  say
  say "  Store             http://127.0.0.1:$(_compose_value SOUK_PORT)/"
  say "  API documentation http://127.0.0.1:$(_compose_value SOUK_PORT)/docs/"
  say "  Administrator     admin / $(_compose_value ADMIN_PASSWORD)"
  if [[ $profiles == *observability* ]]; then
    say "  Prometheus        http://127.0.0.1:$(_compose_value PROMETHEUS_PORT)/"
    say "  Alertmanager      http://127.0.0.1:$(_compose_value ALERTMANAGER_PORT)/"
    say "  Jaeger            http://127.0.0.1:$(_compose_value JAEGER_PORT)/"
  fi
  [[ $profiles != *grafana* ]] || say "  Grafana           http://127.0.0.1:$(_compose_value GRAFANA_PORT)/"
}

command_compose() {
  local verb=${1:-}
  [[ -n $verb ]] || usage "compose up [--small] | down | ps | logs [SERVICE] | audit | ... (any command of docker compose)"
  shift
  check_docker
  _label_images
  cd "$CALLED_FROM" || exit
  case $verb in
    up) _compose_up "$@" ;;
    build)
      # The file of settings is not needed for that, but by docker compose it is.
      "$ROOT/local/make-env"
      _compose build "$@"
      ;;
    audit) _compose run --rm --no-deps -T tools audit "$@" ;;
    *) _compose "$verb" "$@" ;;
  esac
}
