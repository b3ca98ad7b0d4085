# shellcheck shell=bash disable=SC2034,SC2154 # variables of lib.sh and local/verify
# Everything is killed in the middle of purchases.

claim steady 60 "nothing has crashed by itself, or run out of memory, under all this load"
claim_steady() {
  local name id count=0
  for name in $(lasting_services); do
    for id in $(compose ps -a --quiet "$name"); do
      [[ $(look '{{.RestartCount}} {{.State.Running}} {{.State.OOMKilled}}' "$id") == '0 true false' ]] ||
        wrong "$name: restarts, running, out of memory: $(look '{{.RestartCount}} {{.State.Running}} {{.State.OOMKilled}}' "$id")"
      count=$((count + 1))
    done
  done
  saw "$count containers, none restarted"
}

claim crashes 480 "each process killed while shoppers buy: Docker restarts it, and the store goes on"
claim_crashes() {
  local name id before from seen=''
  start_shoppers crashes --shoppers 20 --think 100ms --duration 420s --give-up 30s --seed 7 --admin-password-file /journal/admin-password
  sleep 8
  for name in "${PROGRAMS[@]}" gateway postgres redis; do
    id=$(container "$name")
    before=$(look '{{.RestartCount}}' "$id")
    from=$(now_ms)
    crash "$id"
    within 30 has_restarted "$id" "$before" || wrong "$name was not restarted within 30 s"
    within 60 is_healthy "$id" || wrong "$name was not healthy 60 s after its restart"
    seen+=" $name $(tenths $(($(now_ms) - from))) s (restarts $before to $(look '{{.RestartCount}}' "$id"))"
    # Purchases between one death and the next.
    sleep 5
  done
  within 60 all_healthy || wrong "the stack is not healthy after all this"
  finish_shoppers crashes
  [[ $(jq .bought <<<"$SHOPPED") -gt 20 ]] || wrong "only $(jq .bought <<<"$SHOPPED") purchases were confirmed meanwhile"
  saw "killed and healthy again after:$seen"
  saw "$(jq .checkouts <<<"$SHOPPED") checkouts tried meanwhile, $(jq .bought <<<"$SHOPPED") confirmed at once"
}
has_restarted() { (($(look '{{.RestartCount}}' "$1") > $2)); }

claim books 300 "after all of this the audit is clean, and so is the verdict with the shoppers' journals"
claim_books() {
  local audit verdict journals=() file
  within 60 all_healthy || stop "the stack is not healthy"
  for file in "$WORK"/journal/*.jsonl; do
    [[ ! -s $file ]] || journals+=(--journal "/journal/${file##*/}")
  done
  # It reads databases and Redis, and asks no service.
  verdict=$(compose run --rm -T --no-deps -v "$WORK/journal:/journal:ro" tools souk-verdict --settle 90 "${journals[@]}") ||
    wrong "the verdict: $(head -n 6 <<<"$verdict" | tr '\n' ' ')"
  audit=$(compose run --rm -T --no-deps tools audit 2>&1) || wrong "the audit: $(head -n 4 <<<"$audit" | tr '\n' ' ')"
  saw "$(grep -v '^ *$' <<<"$audit" | head -n 1)"
  saw "verdict with $((${#journals[@]} / 2)) journals: $(tail -n 1 <<<"$verdict")"
}
