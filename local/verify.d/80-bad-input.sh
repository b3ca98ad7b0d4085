# shellcheck shell=bash disable=SC2034,SC2154 # variables of lib.sh and local/verify
# What a person may get wrong: a clear sentence, and nothing lost.

# A copy of what ./souk compose needs, so that no file of this checkout is touched.
copy_checkout() {
  COPY=$WORK/copy
  rm -rf "$COPY"
  mkdir -p "$COPY/app"
  cp -R "$root/souk" "$root/VERSION" "$COPY/"
  cp -R "$root/app/tools" "$COPY/app/"
  mkdir "$COPY/local"
  (cd "$here" && tar -cf - --exclude=./.env --exclude=./grafana/node_modules .) | tar -xf - -C "$COPY/local"
}

# What a command says whose failure is expected; nothing if it succeeds.
complaint() {
  local said
  if said=$(timeout 60 "$@" 2>&1 </dev/null); then
    wrong "this succeeded: $*"
  else
    tail -n 1 <<<"$said"
  fi
}

claim no-env 60 "without an environment file: what to do about it"
claim_no_env() {
  local said
  copy_checkout
  said=$(complaint env -u COMPOSE_PROJECT_NAME -u SOUK_ENV_FILE docker compose -f "$COPY/local/docker-compose.yml" up -d)
  [[ $said == *make-env* ]] || wrong "Compose says: $said"
  saw "Compose says: ${said##*: }"
  said=$(complaint env -u COMPOSE_PROJECT_NAME -u SOUK_ENV_FILE "$COPY/local/roll" cart-service)
  [[ $said == *make-env* ]] || wrong "roll says: $said"
}

claim old-compose 60 "too old a Compose is named"
claim_old_compose() {
  local said docker
  copy_checkout
  docker=$(command -v docker)
  mkdir -p "$WORK/old"
  cat >"$WORK/old/docker" <<TEXT
#!/bin/sh
case "\$*" in 'compose version'*) echo v2.5.0 ;; *) exec "$docker" "\$@" ;; esac
TEXT
  chmod +x "$WORK/old/docker"
  said=$(complaint env -u SOUK_ENV_FILE -u COMPOSE_PROJECT_NAME PATH="$WORK/old:$PATH" "$COPY/souk" compose up)
  [[ $said == *2.5.0* && $said == *'newer is needed'* ]] || wrong "./souk compose up says: $said"
  saw "$said"
  said=$(complaint env PATH="$WORK/old:$PATH" "$here/verify" --only purchase)
  [[ $said == *2.5.0* && $said == *'newer is needed'* ]] || wrong "local/verify says: $said"
}

claim port-in-use 90 "a port that somebody has is named before anything is started"
claim_port_in_use() {
  local said
  copy_checkout
  "$COPY/local/make-env" >/dev/null
  # The port of the stack that runs here, which to another stack is somebody else's.
  sed -i.old -e "s/^COMPOSE_PROJECT_NAME=.*/COMPOSE_PROJECT_NAME=$PROJECT-second/" -e "s/^SOUK_PORT=.*/SOUK_PORT=$(value_of SOUK_PORT)/" "$COPY/local/.env"
  said=$(complaint env -u SOUK_ENV_FILE -u COMPOSE_PROJECT_NAME "$COPY/souk" compose up)
  [[ $said == *"port $(value_of SOUK_PORT) is in use"* ]] || wrong "it says: $said"
  [[ -z $(docker ps -aq --filter "label=com.docker.compose.project=$PROJECT-second") ]] || wrong "something was started"
  saw "$said"
}

claim passwords 240 "passwords that don't fit the volume are brought in line, and nothing is lost"
claim_passwords() {
  local name id said
  make_product && become_shopper
  id=$(buy | jq -er .id)
  cp "$WORK/env" "$WORK/env.whole"
  # Not what a password may consist of: refused, and the stack goes on as it was.
  set_value POSTGRES_PASSWORD_ORDER "it's/wrong"
  said=$(compose up -d --no-build --wait --wait-timeout 60 2>&1) && wrong "a password that cannot be used was accepted"
  said=$(compose logs --no-log-prefix databases 2>&1 | grep 'nothing was changed' | tail -n 1)
  [[ $said == *POSTGRES_PASSWORD_ORDER* ]] || wrong "databases says: $(compose logs --no-log-prefix databases 2>&1 | tail -n 1)"
  cp "$WORK/env.whole" "$WORK/env"
  for name in POSTGRES_PASSWORD POSTGRES_PASSWORD_ORDER POSTGRES_PASSWORD_PRODUCT REDIS_PASSWORD; do set_value "$name" "changed-$RANDOM$RANDOM$RANDOM"; done
  compose up -d --no-build --wait --wait-timeout 120 || stop "the stack does not come up with new passwords"
  [[ $(order_state "$id") == confirmed ]] || wrong "the order is not there"
  [[ $(buy | jq -r .state) == confirmed ]] || wrong "a purchase failed"
  saw "new passwords of two roles, the administrator and Redis: up again, the order is there; unusable: $said"
}
