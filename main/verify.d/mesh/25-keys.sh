# shellcheck shell=bash disable=SC2016,SC2034,SC2153,SC2154 # variables of lib.sh and main/verify
# Keys change while shoppers stay signed in, at the ingress gateway too.

claim keys 360 "main/session-keys rotate: tokens of the old key and of the new are let in, at the door and behind it; after retire the old ones get 401 at the door"
claim_keys() {
  local old new before after told
  become_shopper
  old=$TOKEN before=$(kid_of "$TOKEN")
  "$MAIN/session-keys" rotate >"$WORK/log/keys-rotate" 2>&1 || stop "rotate failed: $(tail -n 1 "$WORK/log/keys-rotate")"
  within 60 new_key_signs "$before" || stop "a minute after rotate the old key still signs"
  new=$TOKEN after=$(kid_of "$TOKEN")
  [[ $(orders_as "$old") == 200 ]] || wrong "a token of before the rotation gets $(orders_as "$old")"
  [[ $(orders_as "$new") == 200 ]] || wrong "a token of the new key gets $(orders_as "$new")"
  told=$("$MAIN/session-keys")
  [[ $told == *"$after  signs"* && $told == *"$before  is believed"* ]] || wrong "main/session-keys tells: $(tr '\n' ',' <<<"$told")"
  "$MAIN/session-keys" retire >"$WORK/log/keys-retire" 2>&1 || stop "retire failed: $(tail -n 1 "$WORK/log/keys-retire")"
  within 60 is_locked_out "$old" || wrong "a minute after retire, a token of the old key still gets $(orders_as "$old") at the door"
  [[ $(orders_as "$new") == 200 ]] || wrong "after retire a token of the new key gets $(orders_as "$new")"
  # A cookie of the old key opens the page all the same, and a new session begins.
  [[ $(status_of --connect-to ::ingress-gateway.souk-ingress:443 https://souk.localhost/ -H "cookie: souk_souk_shopper=$old") == 200 ]] || wrong "with a cookie of the old key the home page does not open"
  saw "$before signed, then $after; 200 and 200; after retire 401 and 200"
}
kid_of() { cut -d . -f 1 <<<"$1" | tr _- /+ | { base64 -d 2>/dev/null || true; } | sed -n 's/.*"kid" *: *"\([^"]*\)".*/\1/p'; }
orders_as() { status_of "$STORE/api/orders" -H "authorization: Bearer $1"; }
new_key_signs() { become_shopper && [[ $(kid_of "$TOKEN") != "$1" ]]; }
# By the ingress gateway, whose answers begin so: of a key that it does not know, "Jwks doesn't have ...".
is_locked_out() { in_store curl -sk --max-time 10 -w '\n%{http_code}' -H "authorization: Bearer $1" "$STORE/api/orders" | tr '\n' ' ' | grep -q '^Jw[a-z]* .* 401'; }
