# Above which time a request is slow, for each route: twice the time in which 95 of 100 are answered
# now, and 50 ms more, whichever is longer; the next of the histogram's bounds. The service decides by
# what it has done in the last half hour; a route that was asked less than 100 times, by all together.
#
# Input, separated by tabs:  METHOD ROUTE LE NUMBER    requests up to LE seconds (LE may be +Inf)
# Output:                    bound METHOD ROUTE LE; the last one has * and *, for routes that come new

# The 95 % of one route; then the bound.
function bound_of(route,   i, usual, most) {
  usual = -1
  for (i = 1; i <= count; i++)
    if (usual < 0 && number[route, les[i]] >= 0.95 * number[route, "+Inf"]) usual = les[i]
  # Some took longer than all bounds.
  if (usual < 0) usual = les[count]
  most = 2 * usual > usual + 0.05 ? 2 * usual : usual + 0.05
  for (i = 1; i <= count; i++) if (les[i] + 1e-9 >= most) return les[i]
  return les[count]
}

BEGIN { FS = OFS = "\t"; all = "*" OFS "*" }
{
  route = $1 OFS $2
  number[route, $3] += $4
  number[all, $3] += $4
  routes[route] = 1
  if ($3 != "+Inf" && !($3 in known)) { known[$3] = 1; les[++count] = $3 }
}
END {
  for (i = 1; i <= count; i++)
    for (j = i + 1; j <= count; j++)
      if (les[j] + 0 < les[i] + 0) { swap = les[i]; les[i] = les[j]; les[j] = swap }
  if (count == 0) exit 1
  for (route in routes) print "bound", route, bound_of(number[route, "+Inf"] >= 100 ? route : all)
  print "bound", all, bound_of(all)
}
