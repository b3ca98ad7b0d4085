# Fisher's exact test, one-sided; for any awk. Its numbers are exact to some 10 digits, down to 1e-300.

# log n!
function log_factorial(n,   x, i) {
  if (n in _log_factorial) return _log_factorial[n]
  if (n < 20) {
    for (i = 2; i <= n; i++) x += log(i)
  } else {
    # Stirling; the next term is below 1e-13.
    x = n * log(n) - n + 0.918938533204672742 + 0.5 * log(n) + 1 / (12 * n) - 1 / (360 * n ^ 3) + 1 / (1260 * n ^ 5) - 1 / (1680 * n ^ 7)
  }
  if (n < 100000) _log_factorial[n] = x + 0
  return x + 0
}

function log_choose(n, k) { return log_factorial(n) - log_factorial(k) - log_factorial(n - k) }

# Of N1 requests here BAD1 went wrong, of N2 there BAD2. The chance that so many or more of all that
# went wrong fall on this side, if both sides are alike.
function exact_chance(bad1, n1, bad2, n2,   bad, least, most, k, term, sum) {
  bad = bad1 + bad2
  least = bad > n2 ? bad - n2 : 0
  most = bad < n1 ? bad : n1
  if (bad1 <= least) return 1
  # The term of BAD1 itself; each further one follows from the one before.
  term = exp(log_choose(n1, bad1) + log_choose(n2, bad2) - log_choose(n1 + n2, bad))
  for (k = bad1; k <= most; k++) {
    sum += term
    if (term < sum * 1e-15) break
    term *= (n1 - k) * (bad - k) / ((k + 1) * (n2 - bad + k + 1))
  }
  return sum > 1 ? 1 : sum
}

# Is this side worse: by at least EFFECT (a share), and beyond CHANCE? Then exact_chance, else 2.
function worse_by(bad1, n1, bad2, n2, effect, chance,   p) {
  if (bad1 / n1 - bad2 / n2 < effect) return 2
  p = exact_chance(bad1, n1, bad2, n2)
  return p > chance ? 2 : p
}
