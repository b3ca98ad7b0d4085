# Is the canary worse than the baseline? After exact.awk. Reads its totals and says
#
#   worse TEXT     it is, beyond chance and by enough to matter
#   well           nothing speaks against it so far
#
# -v chance=C is how likely "worse" may be, in this one look, for a canary that is not. Three things are
# compared, and each has a third of it:
#
#   failed    answered 5xx     at least one percentage point more
#   refused   answered 4xx     at least five points more
#   slow      above the bound of its route, which is twice the usual 95 % and 50 ms more (see
#             bounds.awk): at least five points more, so that the canary's own 95 % is beyond it
#
# Input, separated by tabs:  total TRACK WHAT NUMBER   with WHAT requests, failed, refused or slow

function total(track, what) { return totals[track, what] + 0 }

function percent(part, whole) { return sprintf("%.1f %%", 100 * part / whole) }

function compare(what, least_effect,   n1, n2, bad1, bad2, p) {
  n1 = total("canary", "requests")
  n2 = total("baseline", "requests")
  bad1 = total("canary", what)
  bad2 = total("baseline", what)
  p = worse_by(bad1, n1, bad2, n2, least_effect, chance / 3)
  if (p > 1) return
  text = text (text == "" ? "" : "; ") sprintf("%s: %d of the canary's %d (%s), %d of the baseline's %d (%s); by chance alone that happens once in %s", \
    what, bad1, n1, percent(bad1, n1), bad2, n2, percent(bad2, n2), p < 1e-9 ? "10^" (p > 0 ? int(-log(p) / log(10)) : 300) : sprintf("%.0f", 1 / p))
}

BEGIN { FS = "\t" }
$1 == "total" { totals[$2, $3] += $4 }
END {
  if (total("canary", "requests") > 0 && total("baseline", "requests") > 0) {
    compare("failed", 0.01)
    compare("refused", 0.05)
    compare("slow", 0.05)
  }
  print text == "" ? "well" : "worse " text
}
