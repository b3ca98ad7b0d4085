# shellcheck shell=bash disable=SC2154 # variables of lib.sh and main/verify
# Shoppers while something is done to the store, and what they went through:
#
#   start_load NAME, finish_load NAME   nobody may have met anything
#   crowd NAME SECONDS, mark WORD, told_by NAME [whole]
#                                       how long after each mark nothing was sold, and what failed

# NAME: shoppers who come by the clock, whatever becomes of those before them, the staff, and plain GETs
# each by a connection of its own.
start_load() {
  start_shoppers "$1" --rate 3 --shoppers 60 --think 300ms --duration 900s --give-up 30s --admin-password-file /journal/admin-password
  start_getting "$1" 10
  sleep 3
}

# NAME: nobody may have met anything.
finish_load() {
  local met
  finish_getting "$1"
  finish_shoppers "$1"
  met=$(shoppers_met)
  [[ -z $met ]] || wrong "shoppers met: $met"
  [[ -z $MISSED ]] || wrong "of $GOT plain GETs $(wc -l <<<"$MISSED") were not answered 200: $(head -n 4 <<<"$MISSED" | tr '\n' ',')"
  ((GOT > 500)) || wrong "only $GOT plain GETs were made"
  [[ $(jq .bought <<<"$SHOPPED") -gt 30 ]] || wrong "only $(jq .bought <<<"$SHOPPED") purchases were confirmed meanwhile"
  saw "$GOT plain GETs and the $(jq .requests <<<"$SHOPPED") requests of $(jq .visits <<<"$SHOPPED") shoppers without a 5xx or a lost answer, $(jq .bought <<<"$SHOPPED") purchases confirmed"
}

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
