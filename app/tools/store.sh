# shellcheck shell=bash
# What ./souk and the scripts of the image souk/tools do as the store's administrator. The part that
# includes this gives `fail SENTENCE`, `say SENTENCE` and STORE_HINT, how to find out more, as in
# "; ./souk status shows what runs".

# URL of POST /session/admin; the password on standard input. Prints a token.
administrators_token() {
  local answer
  answer=$(jq -R '{username: "admin", password: .}' |
    curl -s --max-time 20 -H 'Content-Type: application/json' --data-binary @- "$1") ||
    fail "the store does not answer at $(_origin "$1")$STORE_HINT"
  jq -er .token <<<"$answer" 2>/dev/null ||
    fail "the administrator cannot sign in: $(jq -r '.detail // .title // .' <<<"$answer" 2>/dev/null || echo "$answer")"
}

_origin() {
  local path=${1#*://}
  echo "${1%%://*}://${path%%/*}"
}

# TOKEN CURL-ARGUMENT...: a request as administrator. The token is not shown in the list of processes.
as_administrator() {
  curl -H @- "${@:2}" <<<"Authorization: Bearer $1"
}

# TOKEN URL FILE: sends the file as it is read, and shows what became of it. Status 1 if lines were
# refused.
import_products() {
  local token=$1 url=$2 file=$3 reply answer status progress=(-s) began=$SECONDS
  [[ ! -t 2 ]] || progress=(--progress-bar)
  reply=$(as_administrator "$token" "${progress[@]}" -S -X POST -H 'Content-Type: application/x-ndjson' -H 'Expect:' \
    -T "$file" -w '\n%{http_code}' "$url") ||
    fail "the import broke off (the lines before that are in the store; importing again is safe)$STORE_HINT"
  status=${reply##*$'\n'} answer=${reply%$'\n'*}
  if [[ $status != 2* ]]; then
    fail "the import was refused ($status): $(jq -r '.detail // .title // .' <<<"$answer" 2>/dev/null | head -c 500)"
  fi
  # The counts, then the lines that were refused.
  jq -r '
    (to_entries | map(select(.value | type == "number") | "\(.value) \(.key | gsub("_"; " "))") | join(", ")),
    (.errors // [] | .[] | "line \(.line): \(.detail // (.errors // [] | map("\(.pointer // .parameter // "") \(.detail)") | join("; ")))")' <<<"$answer"
  say "$(wc -l <"$file") lines in $((SECONDS - began)) s"
  jq -e '(.failed // .errors_count // (.errors // [] | length)) == 0' <<<"$answer" >/dev/null
}

# TOKEN URL: what the audit found. Status 1 if the books do not balance.
show_audit() {
  local answer
  answer=$(as_administrator "$1" -s --max-time 600 "$2") || fail "the store does not answer at $(_origin "$2")$STORE_HINT"
  if ! jq -e 'has("balanced")' <<<"$answer" >/dev/null 2>&1; then
    fail "the audit could not be made: $(jq -r '.detail // .title // .' <<<"$answer" 2>/dev/null || echo "$answer")"
  fi
  jq -r '
    (if .balanced then "The books balance" else "THE BOOKS DO NOT BALANCE" end)
      + ": \(.checked_orders) orders checked, \(.in_flight) in flight, \(.violations | length) violations",
    (.violations[] | "  order \(.order_id // "none"): \(.rule): \(.detail)")' <<<"$answer"
  jq -e '.balanced == true and (.violations | length) == 0' <<<"$answer" >/dev/null
}

# FILE CURRENCY: Souk's products in the store's currency; they cost the same number in any.
in_currency() {
  jq -c --arg currency "$2" '.currency = $currency' "$1"
}
