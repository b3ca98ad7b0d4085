# shellcheck shell=bash disable=SC2034,SC2154 # variables of lib.sh and main/verify
# What all of it came to: the last claims of each proof.

claim steady 60 "nothing was restarted that the proof has not killed, and nothing ran out of memory, from the beginning on"
claim_steady() {
  local told what
  # Everything that was ever seen of any container of the store (start_watching).
  told=$(awk -v excused="$(cat "$WORK/excused" 2>/dev/null)" '
    function matches(pattern, text,   p, t, i) {
      split(pattern, p, "/"); split(text, t, "/")
      for (i = 1; i <= 3; i++) if (p[i] != "*" && p[i] != t[i + 1]) return 0
      return 1
    }
    { where = $1 " " $2; if ($3 > restarts[where]) { restarts[where] = $3; why[where] = $4 " " $5 } else restarts[where] += 0 }
    $4 == "OOMKilled" || $6 == "OOMKilled" { memory[where] = 1 }
    END {
      n = split(excused, list, "\n")
      for (where in restarts) {
        count++
        name = where; sub(/^[^ ]* /, "", name)
        if (where in memory) print "WRONG " name " ran out of memory"
        allowed = 0
        for (i = 1; i <= n; i++) if (list[i] != "" && matches(list[i], name)) allowed += list[i] ~ /\*/ ? 1000000 : 1
        if (restarts[where] > allowed) print "WRONG " name " was restarted " restarts[where] " times, " (allowed > 0 ? allowed " of them by us" : "none by us") " (" why[where] ")"
        else if (restarts[where] > 0) ours += restarts[where]
      }
      print "SEEN " count + 0 " " ours + 0
    }' "$WORK/pods")
  while read -r what; do wrong "$what"; done < <(sed -n 's/^WRONG //p' <<<"$told")
  told=$(sed -n 's/^SEEN //p' <<<"$told")
  ((${told% *} > 20)) || wrong "only ${told% *} containers were watched"
  saw "${told% *} containers watched, ${told#* } restarts, all of them by our kills"
}

claim books 300 "after all of this the audit is clean, and so is the verdict with the shoppers' journals"
claim_books() {
  await_ready 120 || stop "the store is not ready"
  judge 90
}
