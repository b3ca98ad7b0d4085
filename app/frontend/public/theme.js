// Runs before the first paint, so that a chosen theme doesn't flash the other one.
try {
  const theme = localStorage.getItem("souk.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be forbidden: the system's theme then holds.
}
