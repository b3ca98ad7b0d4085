# shellcheck shell=bash disable=SC2034,SC2154 # variables of local/verify and of the claims
# What the claims look with; tests/claims.sh is what they say it with.

SERVICES=(product-service cart-service order-service payment-service inventory-service)
PROGRAMS=("${SERVICES[@]}" mock-gateway)

before_claim() { read_settings; }
after_claim() { remove_helpers; }
in_store() { "$@"; }
admin_password() { value_of ADMIN_PASSWORD; }

# --- the stack -------------------------------------------------------------------------------------

compose() {
  SOUK_REVISION=$REVISION docker compose --env-file "$WORK/env" -f "$here/docker-compose.yml" "$@"
}

# NAME: a value of the stack's environment file.
value_of() {
  sed -n "s/^$1=//p" "$WORK/env" | tail -n 1
}

# NAME VALUE
set_value() {
  sed "s|^$1=.*|$1=$2|" "$WORK/env" >"$WORK/env.new"
  mv "$WORK/env.new" "$WORK/env"
}

# PORT: the first from there on that nobody listens on.
free_port() {
  local port=$1
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
  echo "$port"
}

# An environment file of its own, other ports, and no limit to what one address may ask: all
# shoppers have the same.
make_settings() {
  local name
  "$here/make-env" "$WORK/env" >/dev/null
  set_value COMPOSE_PROJECT_NAME "$COMPOSE_PROJECT_NAME"
  set_value SOUK_PORT "$(free_port 18088)"
  set_value PROMETHEUS_PORT "$(free_port 19090)"
  set_value ALERTMANAGER_PORT "$(free_port 19193)"
  set_value JAEGER_PORT "$(free_port 26686)"
  set_value GRAFANA_PORT "$(free_port 13000)"
  set_value GATEWAY_RATE 100000
  set_value GATEWAY_BURST 100000
  set_value COMPOSE_PROFILES observability
  read_settings
  ! can_have_image grafana || set_value COMPOSE_PROFILES observability,grafana
  read_settings
}

read_settings() {
  # What stands in the caller's environment would win over the file.
  local name
  while read -r name; do unset "$name"; done < <(sed -n 's/^\([A-Z][A-Z0-9_]*\)=.*/\1/p' "$WORK/env")
  COMPOSE_PROJECT_NAME=$(value_of COMPOSE_PROJECT_NAME)
  PROJECT=$COMPOSE_PROJECT_NAME
  SOUK_ENV_FILE=$WORK/env
  STORE=http://127.0.0.1:$(value_of SOUK_PORT)
  PROMETHEUS=http://127.0.0.1:$(value_of PROMETHEUS_PORT)
  ALERTMANAGER=http://127.0.0.1:$(value_of ALERTMANAGER_PORT)
  JAEGER=http://127.0.0.1:$(value_of JAEGER_PORT)
  GRAFANA=http://127.0.0.1:$(value_of GRAFANA_PORT)
  VERSION=$(value_of SOUK_VERSION)
  CURRENCY=$(value_of CURRENCY)
  TOOLS=souk/tools:$VERSION
  REVISION=$(git -C "$root" rev-parse HEAD 2>/dev/null || echo unknown)
  export REVISION COMPOSE_PROJECT_NAME SOUK_ENV_FILE PROJECT STORE PROMETHEUS ALERTMANAGER JAEGER GRAFANA VERSION TOOLS
}

# SERVICE: is its image here, or can it be pulled?
can_have_image() {
  local image
  image=$(compose --profile '*' config --format json | jq -r --arg s "$1" '.services[$s].image')
  docker image inspect "$image" >/dev/null 2>&1 || timeout 180 docker pull -q "$image" >/dev/null 2>&1
}

# Of claims that were ended in the middle.
remove_helpers() {
  # They may be ending by themselves.
  docker ps -aq --filter "label=souk.verify=$COMPOSE_PROJECT_NAME" | xargs -r docker rm -f >/dev/null 2>&1 || true
}

# The shoppers wrote their journals under another user.
remove_folder() {
  # What is left is told by the last line.
  rm -rf "$WORK" 2>/dev/null ||
    docker run --rm --user 0:0 -v "$WORK:/work" --entrypoint rm "$TOOLS" -rf /work/journal >/dev/null 2>&1 || true
  rm -rf "$WORK" 2>/dev/null || printf 'verify: %s could not be removed\n' "$WORK" >&2
}

# SERVICE: its running containers, one id a line; and the first of them.
containers() { compose ps --quiet --status running "$1"; }
container() {
  local id
  id=$(containers "$1" | head -n 1)
  [[ -n $id ]] || stop "no container of $1 runs"
  echo "$id"
}

# TEMPLATE CONTAINER...
look() { docker inspect -f "$@"; }

# CONTAINER NETWORK: its address in a network of the stack; nothing if it is not in it.
address_in() {
  look "{{with index .NetworkSettings.Networks \"${PROJECT}_$2\"}}{{.IPAddress}}{{end}}" "$1"
}

# Every service that runs on, with profiles; not the one-shot tasks.
lasting_services() {
  compose config --format json | jq -r '.services | to_entries[] | select(.value.restart != "no") | .key'
}

is_healthy() { [[ $(look '{{.State.Health.Status}}' "$1" 2>/dev/null) == healthy ]]; }
all_healthy() { ! compose ps --format '{{.Health}}' | grep -q -e starting -e unhealthy; }

# --- helper containers -----------------------------------------------------------------------------

# at CONTAINER [DOCKER-OPTION...] : runs the script on standard input in the container's network
# position: its addresses, its name server, its routes.
at() {
  local id=$1
  shift
  docker run --rm -i --label "souk.verify=$PROJECT" --network "container:$id" "$@" --entrypoint bash "$TOOLS" -s
}

# Runs the script on standard input as root among all processes of the machine that the containers
# run on, which may be a virtual one.
on_machine() {
  docker run --rm -i --label "souk.verify=$PROJECT" --pid=host --cap-add SYS_PTRACE --security-opt apparmor=unconfined \
    --security-opt seccomp=unconfined --network none --user 0:0 --entrypoint bash "$TOOLS" -s -- "$@"
}

# CONTAINER: kills its first process as a crash would. A kill from inside its own process namespace
# does nothing to it, and after `docker kill` Docker does not restart it.
crash() {
  # shellcheck disable=SC2016 # expanded there
  on_machine "$(look '{{.State.Pid}}' "$1")" <<<'kill -9 "$1"'
}

# --- shoppers --------------------------------------------------------------------------------------

# NAME OPTION...: souk-shoppers in a container, with a journal that `books` judges at the end.
start_shoppers() {
  local name=$1
  shift
  value_of ADMIN_PASSWORD >"$WORK/journal/admin-password"
  compose run -d -T --no-deps --name "$PROJECT-shoppers-$name" --label "souk.verify=$PROJECT" -v "$WORK/journal:/journal" \
    tools souk-shoppers --store http://gateway:8080 --journal "/journal/$name-$(now_ms).jsonl" --json "$@" >/dev/null
}

# NAME: lets them end what they have begun; their figures are SHOPPED, a JSON object.
finish_shoppers() {
  local id=$PROJECT-shoppers-$1
  # They may be through already.
  docker kill -s INT "$id" >/dev/null 2>&1 || true
  timeout 60 docker wait "$id" >/dev/null || stop "the shoppers $1 did not end"
  docker logs "$id" >"$WORK/log/shoppers-$1" 2>"$WORK/log/shoppers-$1.err"
  docker rm "$id" >/dev/null
  SHOPPED=$(jq -cse 'last' "$WORK/log/shoppers-$1") || stop "the shoppers $1 ended without figures: $(tail -n 1 "$WORK/log/shoppers-$1.err")"
}

# --- what observes it ------------------------------------------------------------------------------

# QUERY: Prometheus's answer, a JSON array.
prometheus() {
  curl -sS --max-time 10 --get --data-urlencode "query=$1" "$PROMETHEUS/api/v1/query" | jq -ce '.data.result'
}
