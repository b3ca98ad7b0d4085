# shellcheck shell=bash
# nginx in front of everything.

_gateway_config() {
  env GATEWAY_LISTEN="$LISTEN:$(port_of gateway)" GATEWAY_ROOT="$STATE/www/pages" \
    GATEWAY_RUN="$STATE/run/nginx" GATEWAY_ACCESS_LOG="$STATE/logs/gateway-access.log" \
    PUBLIC_ORIGINS="$ORIGINS" INSTANCE="$INSTANCE" \
    PRODUCT_SERVICE_URL="$(_service_url product-service gateway)" \
    CART_SERVICE_URL="$(_service_url cart-service gateway)" \
    ORDER_SERVICE_URL="$(_service_url order-service gateway)" \
    PAYMENT_SERVICE_URL="$(_service_url payment-service gateway)" \
    INVENTORY_SERVICE_URL="$(_service_url inventory-service gateway)" \
    PROMETHEUS_URL="$(_service_url prometheus)" \
    "$ROOT/local/gateway/render.sh" "$ROOT/local/gateway/nginx.conf.template"
}

# nginx's workers outlive a master that was killed, and keep its port: they are told to finish what
# they have and leave it, before a new master comes.
# shellcheck disable=SC2016 # expanded by the script, in the state folder
readonly END_ORPHANS='for process in /proc/[0-9]*; do
  if [ "$process/cwd" -ef . ] && read -r name 2>/dev/null <"$process/comm" && [ "$name" = nginx ]; then
    kill -s QUIT "${process#/proc/}"
  fi
done'

# A new configuration is taken over by the nginx that runs, without dropping a request.
plan_gateway() {
  local config changed=''
  as_runner mkdir -p "$STATE/run/nginx"
  config=$(_gateway_config) || exit 1
  ! put_changed "$STATE/etc/nginx.conf" 600 <<<"$config" || changed=yes
  if ! as_runner nginx -e stderr -t -q -c "$STATE/etc/nginx.conf" >>"$LOG" 2>&1; then
    tail -n 3 "$LOG" >&9
    fail "nginx does not accept its configuration; see $LOG"
  fi
  plan_program gateway "$END_ORPHANS
exec nginx -e stderr -c $(shell_word "$STATE/etc/nginx.conf") -g 'daemon off;'"
  if [[ -n $changed && $'\n'$STATES == *$'\n'"gateway RUNNING "* ]]; then
    # One that has died meanwhile reads it when it starts.
    _supervisorctl signal HUP gateway >>"$LOG" 2>&1 || true
  fi
  plan_program log-keeper "export ACCESS_LOG_MB=50; exec $(shell_word "$STATE/bin/log-keeper")"
}
