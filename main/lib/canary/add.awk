# Adds a new sample of the counters to what has been counted since the step began.
#
# Input, separated by tabs, in this order:
#   bound METHOD ROUTE LE                              of bounds.awk
#   last SERIES NUMBER, total TRACK WHAT NUMBER        what this has printed for the sample before;
#                                                      nothing before the first
#   now TRACK POD METHOD ROUTE STATUS LE NUMBER        the sample: requests up to LE seconds
# Output: last and total, as above. The first sample is where counting begins: its totals are 0.
#
# A counter that went back belongs to a program that began anew: all of it is new.

function bound_for(method, route) {
  return (method, route) in bound ? bound[method, route] : bound["*", "*"]
}

BEGIN { FS = OFS = "\t" }
$1 == "bound" { bound[$2, $3] = $4 }
$1 == "last" { last[$2] = $3; begun = 1 }
$1 == "total" { totals[$2 OFS $3] = $4; begun = 1 }
$1 == "now" {
  series = $2 "|" $3 "|" $4 "|" $5 "|" $6 "|" $7
  rise = series in last ? ($8 >= last[series] ? $8 - last[series] : $8) : $8
  last[series] = $8
  if (!begun) rise = 0
  if ($7 == "+Inf") {
    totals[$2 OFS "requests"] += rise
    totals[$2 OFS "slow"] += rise
    if ($6 ~ /^5/) totals[$2 OFS "failed"] += rise
    if ($6 ~ /^4/) totals[$2 OFS "refused"] += rise
  }
  # As a number: the same bound may be written in two ways.
  if ($7 != "+Inf" && $7 + 0 == bound_for($4, $5) + 0) totals[$2 OFS "slow"] -= rise
}
END {
  for (series in last) print "last", series, last[series]
  for (what in totals) print "total", what, totals[what]
  if (!begun) print "total", "canary", "requests", 0
}
