#!/bin/sh
# Makes nginx.conf out of nginx.conf.template and the environment, on standard output.
#
#   render.sh nginx.conf.template > nginx.conf
#
# Required: PRODUCT_SERVICE_URL, CART_SERVICE_URL, ORDER_SERVICE_URL, PAYMENT_SERVICE_URL,
#           INVENTORY_SERVICE_URL (http://host:port)
# Optional, with their defaults: see the list below.
#
# A service given by IP address, or by several with commas between, gets a group of kept-alive
# connections. One given by name has its name resolved at run time, each GATEWAY_RESOLVER_VALID, so
# that a service which moved is found again; nginx keeps no connections to these.
set -eu

template=${1:?usage: render.sh TEMPLATE}

fail() {
  echo "gateway: $*" >&2
  exit 1
}

: "${GATEWAY_LISTEN:=8088}"               # port or address:port
: "${GATEWAY_ROOT:=/usr/share/nginx/html}" # the pages
: "${GATEWAY_RUN:=/tmp}"                  # pid file and temporary files; must be writable
: "${GATEWAY_ACCESS_LOG:=/dev/stdout}"
: "${GATEWAY_WORKERS:=auto}"
: "${GATEWAY_RATE:=500}"                  # requests a second from one address to /api ...
: "${GATEWAY_BURST:=1000}"                # ... and how many may come at once
: "${GATEWAY_SESSION_RATE:=50}"           # new sessions a second from one address
: "${GATEWAY_SESSION_BURST:=200}"
: "${GATEWAY_SIGN_IN_RATE:=60}"           # administrator's sign-ins a minute from one address
: "${GATEWAY_SIGN_IN_BURST:=20}"
: "${GATEWAY_CONNECTIONS:=512}"           # requests at the same time from one address
: "${GATEWAY_IMPORT_MAX:=1g}"             # size of a catalogue import
: "${GATEWAY_TRUSTED_PROXIES:=}"          # networks of proxies in front, e.g. "10.0.0.0/8"
: "${GATEWAY_TRUST_TRACE:=no}"            # yes: a proxy in front begins the traces, and lets nobody else's in
: "${GATEWAY_TESTERS:=}"                  # a word by which testers ask for the next version
: "${GATEWAY_RESOLVER:=}"                 # name server; default: the first of /etc/resolv.conf
: "${GATEWAY_RESOLVER_VALID:=5s}"
: "${PUBLIC_ORIGINS:=}"                   # the store's own addresses; https turns HSTS on
: "${INSTANCE:=local}"                    # part of the session cookies' names
: "${PROMETHEUS_URL:=}"                   # without it, /api/system/metrics is 404
: "${JAEGER_QUERY_URL:=}"                 # without it, /api/system/traces is 404

case $INSTANCE in *[!a-z0-9_]* | '') fail "INSTANCE may contain a-z, 0-9 and _ only" ;; esac
for name in GATEWAY_RATE GATEWAY_BURST GATEWAY_SESSION_RATE GATEWAY_SESSION_BURST \
  GATEWAY_SIGN_IN_RATE GATEWAY_SIGN_IN_BURST GATEWAY_CONNECTIONS; do
  value=
  eval "value=\$$name"
  case $value in *[!0-9]* | '' | 0*) fail "$name must be a whole number above 0, not '$value'" ;; esac
done

export TESTERS=${GATEWAY_TESTERS:+"    $GATEWAY_TESTERS test;"} TRUSTED_PARENT=
case $GATEWAY_TESTERS in *[!A-Za-z0-9_-]*) fail "GATEWAY_TESTERS may contain A-Z, a-z, 0-9, _ and - only" ;; esac
# What is not of this form is nobody's.
# shellcheck disable=SC2016 # nginx's variable
case $GATEWAY_TRUST_TRACE in
  yes) TRUSTED_PARENT='    "~^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$" $http_traceparent;' ;;
  no) ;;
  *) fail "GATEWAY_TRUST_TRACE must be yes or no" ;;
esac

export PUBLIC_SCHEME=http HSTS=
case $PUBLIC_ORIGINS in https://*) PUBLIC_SCHEME=https HSTS="max-age=31536000" ;; esac

REAL_IP=
if [ -n "$GATEWAY_TRUSTED_PROXIES" ]; then
  REAL_IP="  real_ip_header X-Forwarded-For;
  real_ip_recursive on;"
  for network in $(echo "$GATEWAY_TRUSTED_PROXIES" | tr ',' ' '); do
    REAL_IP="$REAL_IP
  set_real_ip_from $network;"
  done
fi

BUCKETS=$(awk 'BEGIN {
  for (i = 0; i < 99; i++) printf "    1%% %02d;\n", i
  print "    * 99;"
}')
export BUCKETS

# upstream NAME URL: sets <NAME>_UPSTREAM and <NAME>_HOST, and adds to UPSTREAMS.
UPSTREAMS='' named=''
upstream() {
  servers='' host='' by_name=''
  for url in $(echo "$2" | tr ',' ' '); do
    address=${url#http://}
    address=${address%/}
    case $url in http://*) ;; *) fail "$1: '$url' must be http://host:port" ;; esac
    case $address in *[!A-Za-z0-9.:_-]* | '') fail "$1: '$url' must be http://host:port" ;; esac
    case $address in *:*) ;; *) address=$address:80 ;; esac
    case ${address%:*} in *[!0-9.]*) by_name=yes ;; esac
    [ -z "$host" ] || [ -z "$by_name" ] || fail "$1: only IP addresses can be several, not '$2'"
    servers="$servers    server $address max_fails=0;
"
    : "${host:=$address}"
  done
  group=$host
  if [ -n "$by_name" ]; then
    named=yes
  else
    group=$(echo "$1" | tr '[:upper:]' '[:lower:]')
    UPSTREAMS="$UPSTREAMS  upstream $group {
$servers    keepalive 64;
    keepalive_requests 100000;
    keepalive_time 5m;
    keepalive_timeout 30s;
  }
"
  fi
  eval "$1_UPSTREAM=\$group $1_HOST=\$host"
}
upstream PRODUCT "${PRODUCT_SERVICE_URL:?}"
upstream CART "${CART_SERVICE_URL:?}"
upstream ORDER "${ORDER_SERVICE_URL:?}"
upstream PAYMENT "${PAYMENT_SERVICE_URL:?}"
upstream INVENTORY "${INVENTORY_SERVICE_URL:?}"

export PROMETHEUS_UPSTREAM='' PROMETHEUS_HOST='' JAEGER_UPSTREAM='' JAEGER_HOST=''
[ -z "$PROMETHEUS_URL" ] || upstream PROMETHEUS "$PROMETHEUS_URL"
[ -z "$JAEGER_QUERY_URL" ] || upstream JAEGER "$JAEGER_QUERY_URL"

if [ -n "$named" ]; then
  if [ -z "$GATEWAY_RESOLVER" ]; then
    GATEWAY_RESOLVER=$(awk '$1 == "nameserver" { print $2; exit }' /etc/resolv.conf)
    case $GATEWAY_RESOLVER in *:*) GATEWAY_RESOLVER="[$GATEWAY_RESOLVER]" ;; esac
  fi
  [ -n "$GATEWAY_RESOLVER" ] || fail "GATEWAY_RESOLVER must name a DNS server"
  UPSTREAMS="$UPSTREAMS  resolver $GATEWAY_RESOLVER valid=$GATEWAY_RESOLVER_VALID ipv6=off;
  resolver_timeout 2s;
"
fi

names="GATEWAY_LISTEN GATEWAY_ROOT GATEWAY_RUN GATEWAY_ACCESS_LOG GATEWAY_WORKERS GATEWAY_RATE
  GATEWAY_BURST GATEWAY_SESSION_RATE GATEWAY_SESSION_BURST GATEWAY_SIGN_IN_RATE
  GATEWAY_SIGN_IN_BURST GATEWAY_CONNECTIONS GATEWAY_IMPORT_MAX INSTANCE PUBLIC_SCHEME HSTS REAL_IP
  BUCKETS TESTERS TRUSTED_PARENT UPSTREAMS PRODUCT_UPSTREAM PRODUCT_HOST CART_UPSTREAM CART_HOST ORDER_UPSTREAM
  ORDER_HOST PAYMENT_UPSTREAM PAYMENT_HOST INVENTORY_UPSTREAM INVENTORY_HOST PROMETHEUS_UPSTREAM
  PROMETHEUS_HOST JAEGER_UPSTREAM JAEGER_HOST"
for name in $names; do
  # shellcheck disable=SC2163 # the variable that $name names
  export "$name"
done

SOUK_PLACEHOLDERS=$names awk '
  BEGIN { count = split(ENVIRON["SOUK_PLACEHOLDERS"], names, /[ \n]+/) }
  /^#/ { next }
  {
    rest = $0
    out = ""
    while (match(rest, /[$][{][A-Z_]+[}]/)) {
      name = substr(rest, RSTART + 2, RLENGTH - 3)
      known = 0
      for (i = 1; i <= count; i++) if (names[i] == name) known = 1
      if (!known) {
        print "gateway: the template names ${" name "}, which nothing sets" > "/dev/stderr"
        exit 1
      }
      out = out substr(rest, 1, RSTART - 1) ENVIRON[name]
      rest = substr(rest, RSTART + RLENGTH)
    }
    print out rest
  }
' "$template"
