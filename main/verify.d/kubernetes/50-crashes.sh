# shellcheck shell=bash disable=SC2034,SC2154 # variables of lib.sh and main/verify
# Everything is deleted or killed in the middle of purchases.

# NAME SECONDS: shoppers of all kinds, and the staff, for at most that long.
crowd() {
  start_shoppers "$1" --shoppers 16 --think 300ms --duration "${2}s" --give-up 30s --seed "$RANDOM" \
    --admin-password-file /journal/admin-password
  rm -f "$WORK/marks"
  # Until the first orders are under way.
  sleep 5
}

# WORD: what is hurt now, by the clock of the shoppers' node.
mark() {
  # shellcheck disable=SC2016 # expanded there
  printf '%s %s\n' "$(tools 'echo $((${EPOCHREALTIME//[.,]/} / 1000))')" "$1" >>"$WORK/marks"
}

# NAME: what the journal of the shoppers NAME has: `MS ok`, an order that was confirmed at once, or
# `MS bad WHAT`, a request that a shopper should not have had to repeat.
happened() {
  gunzip -c "$WORK/journal/$1"-*.jsonl.gz | jq -rR '
    def ms: (.at[0:19] + "Z" | fromdateiso8601) * 1000 + (.at[20:23] | tonumber);
    fromjson? | select(.to) |
    if .status == 201 and .order_id then "\(ms) ok"
    elif (.status // 0) >= 500 or .status == 429 then "\(ms) bad \(.status)"
    elif .lost and (.lost | test("^(left|time over|kept connection was closed)$") | not) then "\(ms) bad \(.lost)"
    else empty end' | sort -n
}

# NAME: for each mark, the longest time without a confirmed order from there to the next, and how many
# requests failed: `WORD SECONDS BAD`. SECONDS is - if none was ever confirmed after it.
outages() {
  happened "$1" | awk '
    NR == FNR { at[++n] = $1; word[n] = $2; next }
    $2 == "ok" {
      for (i = 1; i <= n; i++)
        if ($1 > at[i] && (i == n || last < at[i + 1])) {
          from = last > at[i] ? last : at[i]
          to = i < n && at[i + 1] < $1 ? at[i + 1] : $1
          if (to - from > gap[i]) gap[i] = to - from
          sold[i]++
        }
      last = $1
    }
    $2 == "bad" { for (i = n; i > 0; i--) if ($1 > at[i]) { bad[i]++; break } }
    END { for (i = 1; i <= n; i++) printf "%s %s %d\n", word[i], (sold[i] ? sprintf("%.1f", gap[i] / 1000) : "-"), bad[i] }
  ' "$WORK/marks" -
}

# NAME: ends the shoppers, and says what they went through. With `whole` also, that none of their
# requests may have failed.
told_by() {
  local word seconds bad seen='' all=0
  finish_shoppers "$1"
  while read -r word seconds bad; do
    [[ $seconds != - ]] || wrong "no order was confirmed any more after $word"
    seen+=" $word $seconds s"
    all=$((all + bad))
  done < <(outages "$1")
  saw "longest time without a confirmed order:$seen"
  saw "$(jq .checkouts <<<"$SHOPPED") checkouts, $(jq .bought <<<"$SHOPPED") confirmed at once, $all of $(jq .requests <<<"$SHOPPED") requests failed"
  if [[ ${2:-} == whole ]]; then
    ((all == 0)) || wrong "shoppers met: $(shoppers_met)"
  fi
}

# NAME: uids of its pods that are ready and do not end.
ready_uids() {
  kube get pods -n "$(in_namespace "$1")" -l "app.kubernetes.io/name=$1" -o json |
    jq -r '.items[] | select(.metadata.deletionTimestamp == null and any(.status.conditions[]?; .type == "Ready" and .status == "True")) | .metadata.uid'
}

# NAME UID COUNT: as many are ready as before, without that one.
is_replaced() {
  local uids
  uids=$(ready_uids "$1") && [[ $uids != *"$2"* ]] && (($(wc -w <<<"$uids") >= $3))
}

# NAME SECONDS: deletes one of its pods, and waits until another is ready in its place.
replace_one() {
  local uids count pod uid
  uids=$(ready_uids "$1")
  count=$(wc -w <<<"$uids")
  pod=$(pod_of "$1")
  uid=$(kube get pod "$pod" -n "$(in_namespace "$1")" -o jsonpath='{.metadata.uid}')
  mark "$1"
  kube delete pod "$pod" -n "$(in_namespace "$1")" --wait=false >/dev/null
  within "$2" is_replaced "$1" "$uid" "$count" || wrong "$1: $2 s after its pod was deleted there is no other in its place"
}

claim crash-pods 300 "a pod of each program deleted while shoppers buy: no request fails, no order is lost"
claim_crash_pods() {
  local name single=''
  crowd crash-pods 270
  for name in gateway "${PROGRAMS[@]}"; do
    (($(pods_of "$name" | wc -l) > 1)) || single+=" $name"
    replace_one "$name" 60
    # Purchases between one and the next.
    sleep 2
  done
  # The old ones serve on for ten seconds.
  sleep 10
  await_ready 60 || wrong "the store is not as it was after that"
  # The payment company has one; the store's own have two each.
  if [[ -z ${single/ mock-gateway/} ]]; then told_by crash-pods whole; else told_by crash-pods; fi
  [[ -z $single ]] || saw "with a single pod:$single"
  judge
}

# NAMESPACE POD CONTAINER
restarts() {
  kube get pod "$2" -n "$1" -o jsonpath="{.status.containerStatuses[?(@.name==\"$3\")].restartCount}"
}
has_restarted() { (($(restarts "$1" "$2" "$3") > $4)); }
is_pod_ready() { [[ $(kube get pod "$2" -n "$1" -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}') == True ]]; }

# NAME: SIGKILL to the program, by a neighbour of the same user.
kill_program() {
  local namespace pod container=service before from
  namespace=$(in_namespace "$1")
  pod=$(pod_of "$1")
  [[ $1 != gateway ]] || container=gateway
  before=$(restarts "$namespace" "$pod" "$container")
  mark "$1"
  {
    printf 'wanted=%q\n' "$([[ $1 == gateway ]] && echo 'nginx: master' || echo "/souk/$1")"
    cat <<'TEXT'
      for process in /proc/[0-9]*; do
        words=$(tr '\0' ' ' <"$process/cmdline" 2>/dev/null) || continue
        [[ $words != "$wanted"* ]] || { kill -9 "${process##*/}" && exit 0; }
      done
      echo "there is no $wanted" >&2
      exit 1
TEXT
  } | inside "$namespace" "$pod" || wrong "$1 could not be killed: $(tail -n 1 "$WORK/log/crash-kills")"
  from=$(now_ms)
  within 30 has_restarted "$namespace" "$pod" "$container" "$before" || {
    wrong "$1: the restart count did not rise within 30 s"
    return 0
  }
  excuse "$namespace" "$pod" "$container"
  within 60 is_pod_ready "$namespace" "$pod" || wrong "$1 was not ready 60 s after its restart"
  KILLED+=" $1 ($before to $(restarts "$namespace" "$pod" "$container"), ready after $(tenths $(($(now_ms) - from))) s)"
}

claim crash-kills 360 "each program killed (SIGKILL) while shoppers buy: the kubelet restarts it, no order is lost"
claim_crash_kills() {
  local name KILLED=''
  crowd crash-kills 330
  for name in gateway "${PROGRAMS[@]}"; do
    kill_program "$name"
    sleep 2
  done
  await_ready 60 || wrong "the store is not as it was after that"
  saw "restart counts:$KILLED"
  told_by crash-kills
  judge
}

claim crash-databases 420 "each database's pod and Redis' deleted while shoppers buy: it goes on by itself, no order is lost"
claim_crash_databases() {
  local name
  crowd crash-databases 390
  for name in "${DATABASES[@]}" mock-gateway-db redis; do
    replace_one "$name" 120
    await_ready 90 || wrong "the store is not ready 90 s after $name was back"
    sleep 3
  done
  told_by crash-databases
  judge
}
