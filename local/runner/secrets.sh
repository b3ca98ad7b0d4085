# shellcheck shell=bash
# Passwords and keys, each generated once and kept in a file of its own that only the runner can
# read. Deleting a file and running `up` makes a new one.

secret() {
  as_runner cat "$STATE/secrets/$1"
}

_make_secret() {
  as_runner test -s "$STATE/secrets/$1" || od -An -v -tx1 -N"$2" /dev/urandom | tr -d ' \n' | put "$STATE/secrets/$1" 600
}

make_secrets() {
  local name
  # Root may have written a password or made a key by hand.
  [[ -z $RUN_AS ]] || find "$STATE/secrets" -type f -exec chown -h "$RUN_AS:" {} +
  for name in postgres-superuser redis gateway-key \
    service-order service-cart service-product service-payment; do
    _make_secret "$name" 24
  done
  for name in "${DATABASES[@]}"; do
    _make_secret "postgres-$name" 24
  done
  _make_secret admin-password 9

  # Of the password only the hash is given to a service. One's own password may be put in the file.
  if [[ ! -s $STATE/secrets/admin-password.hash || $STATE/secrets/admin-password -nt $STATE/secrets/admin-password.hash ]]; then
    secret admin-password | tr -d '\n' | as_runner "$STATE/bin/souk-keys" hash-password |
      put "$STATE/secrets/admin-password.hash" 600
  fi

  # Both halves of the key that signs sessions are made together or not at all.
  if [[ ! -s $STATE/secrets/session.pem || ! -s $STATE/secrets/session.jwks ]]; then
    as_runner rm -rf "$STATE/secrets/new"
    as_runner mkdir "$STATE/secrets/new"
    as_runner "$STATE/bin/souk-keys" generate --private "$STATE/secrets/new/session.pem" \
      --public "$STATE/secrets/new/session.jwks" >>"$LOG" 2>&1 || fail "cannot make the key that signs sessions; see $LOG"
    as_runner chmod 600 "$STATE/secrets/new/session.pem"
    as_runner mv -f "$STATE/secrets/new/session.jwks" "$STATE/secrets/new/session.pem" "$STATE/secrets/"
    as_runner rmdir "$STATE/secrets/new"
  fi
}

# The callers that a service accepts: name=SHA-256 of the caller's secret, separated by semicolons.
accepted_callers() {
  local caller list=''
  for caller in "$@"; do
    list+=${list:+;}$caller=$(secret "service-$caller" | tr -d '\n' | sha256sum | cut -d ' ' -f 1)
  done
  echo "$list"
}
