# shellcheck shell=bash
# The five services and the mock gateway: what each is told through its environment.

# Variables that a user may set; they are passed on to all services as they are.
readonly PASSED_ON=(
  LOG_LEVEL THREADS CURRENCY DATABASE_POOL DRAIN_DELAY_MS DRAIN_TIMEOUT_MS MAX_CONCURRENT_REQUESTS
  MAX_EVENT_STREAMS OTEL_EXPORTER_OTLP_ENDPOINT OTEL_TRACES_SAMPLER_ARG
  RESERVATION_TTL_MS SWEEP_INTERVAL_MS
  ORDER_WAIT_MS LEASE_MS STEP_TIMEOUT_MS POLL_INTERVAL_MS RETRY_BASE_MS RETRY_CAP_MS
  ATTENTION_AFTER_ATTEMPTS MAX_UNFINISHED_ORDERS AUDIT_INTERVAL_MS
  PAYMENT_GATEWAY_TIMEOUT_MS PAYMENT_TOKEN_TTL_MS RECOVERY_INTERVAL_MS
)

_export() {
  printf 'export %s=%s\n' "$1" "$(shell_word "$2")"
}

# Who calls whom, besides Prometheus and this program.
readonly EDGES=(
  "gateway>product-service" "gateway>cart-service" "gateway>order-service" "gateway>payment-service"
  "gateway>inventory-service"
  "product-service>inventory-service"
  "cart-service>product-service" "cart-service>inventory-service"
  "order-service>cart-service" "order-service>product-service" "order-service>inventory-service"
  "order-service>payment-service"
  "payment-service>mock-gateway"
  "product-service>postgres" "order-service>postgres" "payment-service>postgres"
  "inventory-service>postgres" "mock-gateway>postgres" "cart-service>redis"
)

# SOUK_VIA="CALLER>CALLEE=PORT ..." names ports of 127.0.0.1 through which callers are led to their
# callees: the fault proxies of ./souk chaos.
check_via() {
  local pair pairs
  read -ra pairs <<<"${SOUK_VIA:-}"
  for pair in "${pairs[@]}"; do
    [[ " ${EDGES[*]} " == *" ${pair%=*} "* && ${pair##*=} =~ ^[1-9][0-9]{0,4}$ ]] ||
      fail "SOUK_VIA must be CALLER>CALLEE=PORT ..., with edges of the store, not '$pair'"
  done
}

# The port at which a caller finds a callee.
port_for() {
  local pair pairs
  read -ra pairs <<<"${SOUK_VIA:-}"
  for pair in "${pairs[@]}"; do
    [[ ${pair%=*} != "$1>$2" ]] || { echo "${pair##*=}" && return; }
  done
  port_of "$2"
}

# CALLEE [CALLER]
_service_url() {
  echo "http://127.0.0.1:$(port_for "${2:-}" "$1")"
}

# The start script of a service: NAME [VARIABLE VALUE]...
_plan_service() {
  local name=$1 variable script
  shift
  script=$(
    for variable in "${PASSED_ON[@]}"; do
      [[ -z ${!variable:-} ]] || _export "$variable" "${!variable}"
    done
    _export HOST 127.0.0.1
    _export PORT "$(port_of "$name")"
    while (($# > 0)); do
      _export "$1" "$2"
      shift 2
    done
    printf 'exec %s\n' "$(shell_word "$STATE/bin/$name")"
  )
  plan_program "$name" "$script"
}

plan_services() {
  check_via
  local sessions=(SESSION_KEYS "$STATE/secrets/session.jwks" INSTANCE "$INSTANCE" PUBLIC_ORIGINS "$ORIGINS")

  _plan_service product-service "${sessions[@]}" \
    DATABASE_URL "$(database_url product product-service)" \
    SERVICE_SECRET "$(secret service-product)" ACCEPTED_CALLERS "$(accepted_callers order cart)" \
    INVENTORY_SERVICE_URL "$(_service_url inventory-service product-service)"

  _plan_service cart-service "${sessions[@]}" \
    REDIS_URL "$(redis_url cart-service)" \
    SESSION_PRIVATE_KEY "$STATE/secrets/session.pem" \
    ADMIN_PASSWORD_HASH "$(secret admin-password.hash)" \
    SERVICE_SECRET "$(secret service-cart)" ACCEPTED_CALLERS "$(accepted_callers order)" \
    PRODUCT_SERVICE_URL "$(_service_url product-service cart-service)" \
    INVENTORY_SERVICE_URL "$(_service_url inventory-service cart-service)"

  _plan_service order-service "${sessions[@]}" \
    DATABASE_URL "$(database_url order order-service)" \
    SERVICE_SECRET "$(secret service-order)" ACCEPTED_CALLERS '' \
    CART_SERVICE_URL "$(_service_url cart-service order-service)" \
    PRODUCT_SERVICE_URL "$(_service_url product-service order-service)" \
    INVENTORY_SERVICE_URL "$(_service_url inventory-service order-service)" \
    PAYMENT_SERVICE_URL "$(_service_url payment-service order-service)"

  _plan_service payment-service "${sessions[@]}" \
    DATABASE_URL "$(database_url payment payment-service)" \
    SERVICE_SECRET "$(secret service-payment)" ACCEPTED_CALLERS "$(accepted_callers order)" \
    PAYMENT_GATEWAY_URL "$(_service_url mock-gateway payment-service)" PAYMENT_GATEWAY_KEY "$(secret gateway-key)"

  _plan_service inventory-service "${sessions[@]}" \
    DATABASE_URL "$(database_url inventory inventory-service)" \
    ACCEPTED_CALLERS "$(accepted_callers order cart product)"

  _plan_service mock-gateway \
    DATABASE_URL "$(database_url mock_gateway mock-gateway)" GATEWAY_API_KEY "$(secret gateway-key)"
}

# The rules lie beside the configuration, as in the checkout, which the runner may not be able to
# enter. Their hash in the configuration makes a change of theirs one of the program's.
plan_prometheus() {
  local name PORT file
  PORT=$(port_of prometheus)
  as_runner mkdir -p "$STATE/etc/rules"
  for file in "$ROOT"/local/prometheus/rules/*.yml; do
    put "$STATE/etc/rules/${file##*/}" 644 <"$file"
  done
  while read -r name; do
    [[ -e $ROOT/local/prometheus/rules/$name ]] || as_runner rm -f "$STATE/etc/rules/$name"
  done < <(as_runner ls "$STATE/etc/rules")
  {
    cat "$ROOT/local/prometheus/prometheus.yml"
    for name in "${SERVICES[@]}"; do
      printf '      - targets: ["127.0.0.1:%s"]\n        labels: { job: %s }\n' "$(port_of "$name")" "$name"
    done
    printf '      - targets: ["127.0.0.1:%s"]\n        labels: { job: prometheus }\n' "$PORT"
    printf '# rules: %s\n' "$(cat "$ROOT"/local/prometheus/rules/*.yml | sha256sum | cut -d ' ' -f 1)"
  } | put "$STATE/etc/prometheus.conf" 644
  plan_program prometheus "exec prometheus --config.file=$(shell_word "$STATE/etc/prometheus.conf") \
    --storage.tsdb.path=$(shell_word "$STATE/data/prometheus") \
    --storage.tsdb.retention.time=7d --storage.tsdb.retention.size=1GB \
    --web.listen-address=127.0.0.1:$PORT --log.level=warn"
}

# Which of the programs that answer requests are not ready, one a line.
unready_services() {
  local name
  for name in "${SERVICES[@]}"; do
    curl -sf --max-time 2 -o /dev/null "$(_service_url "$name")/health/ready" || echo "$name"
  done
}

service_is_ready() {
  curl -sf --max-time 2 -o /dev/null "$(_service_url "$1")/health/ready"
}
