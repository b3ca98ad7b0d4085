# shellcheck shell=bash disable=SC2034 # the scripts read these variables
# What the scripts of the image souk/tools have in common.
PROGRAM=${0##*/}
STORE_HINT=
# What a backup file consists of, as ./souk backup makes it.
readonly BACKUP_PARTS=(manifest.json carts.jsonl product.dump order.dump payment.dump inventory.dump)

say() {
  printf '%s\n' "$*"
}

fail() {
  printf '%s: %s\n' "$PROGRAM" "$*" >&2
  exit 1
}

# shellcheck source=app/tools/store.sh
source "${BASH_SOURCE[0]%/*}/store.sh"

# SERVICE PATH: through the gateway at STORE_URL or, without one, of the service itself.
url_of() {
  local variable=${1^^}_SERVICE_URL
  if [[ -n ${STORE_URL:-} ]]; then
    echo "${STORE_URL%/}/api$2"
  elif [[ -n ${!variable:-} ]]; then
    echo "${!variable%/}$2"
  else
    fail "STORE_URL must be set, as in http://gateway:8080, or $variable"
  fi
}

administrators_password() {
  if [[ -n ${ADMIN_PASSWORD_FILE:-} ]]; then
    [[ -r $ADMIN_PASSWORD_FILE ]] || fail "cannot read $ADMIN_PASSWORD_FILE (ADMIN_PASSWORD_FILE)"
    cat "$ADMIN_PASSWORD_FILE"
  elif [[ -n ${ADMIN_PASSWORD:-} ]]; then
    printf '%s' "$ADMIN_PASSWORD"
  else
    fail "ADMIN_PASSWORD_FILE or ADMIN_PASSWORD must be set"
  fi
}

sign_in() {
  local url password
  url=$(url_of cart /session/admin)
  password=$(administrators_password)
  administrators_token "$url" <<<"$password"
}
