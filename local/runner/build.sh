# shellcheck shell=bash
# Building: the services with CMake, the pages with npm. What is built is copied into the state
# folder, so that what runs is not disturbed by the next build.

# The preset in CMakePresets.json whose programs run. The tests set it to dev, which they have built.
readonly BUILD=${SOUK_BUILD:-release}

# One compiler for each core, but not more than memory allows.
_build_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '$1 == "MemAvailable:" { print int($2 / 1200000) }' /proc/meminfo)
  ((memory >= 1)) || memory=1
  echo "${SOUK_JOBS:-$((cores < memory ? cores : memory))}"
}

_build_progress() {
  grep -aoE '^\[[0-9]+/[0-9]+\]' | tail -n 1 | tr -d '[]'
}

_compile() {
  cd "$ROOT" || exit
  export HOME=${HOME:-/root}
  [[ -f build/$BUILD/build.ninja ]] || cmake --preset "$BUILD"
  NINJA_STATUS='[%f/%t] ' ninja -C "build/$BUILD" -j "$(_build_jobs)" "${SERVICES[@]}" souk-keys souk-backup
}

# Two stores of one checkout share the build, npm's packages and what is generated from both.
_lock_build() {
  mkdir -p "$ROOT/build"
  exec 7>>"$ROOT/build/lock"
  flock 7
}

_unlock_build() {
  exec 7>&-
}

build_services() {
  local free
  [[ -w $ROOT && (! -e $ROOT/build || -w $ROOT/build) ]] ||
    fail "cannot write to $ROOT/build; an earlier build by another user left it: remove it, or run ./souk as that user"
  free=$(df -Pk "$ROOT" | awk 'NR == 2 { print int($4 / 1024) }')
  ((free > 1000)) || fail "building needs 1 GB of room in $ROOT, and there are $free MB; make room and run ./souk up again"
  _lock_build
  EXPLAIN=explain_common step "Building the services" _build_progress _compile
  _unlock_build
}

# npm's packages, at the versions of package-lock.json.
_npm_install() {
  cd "$ROOT" || exit
  rm -f node_modules/.souk
  npm ci --no-audit --no-fund --loglevel=error
  sha256sum <package-lock.json >node_modules/.souk
}

fetch_npm_packages() {
  _lock_build
  _fetch_npm_packages
  _unlock_build
}

# With the lock held: another store may have fetched them meanwhile, or be reading them.
_fetch_npm_packages() {
  if [[ $(cat "$ROOT/node_modules/.souk" 2>/dev/null) != $(sha256sum <"$ROOT/package-lock.json") ]]; then
    EXPLAIN=explain_common step "Fetching npm packages" no_progress _npm_install
  fi
}

# What the services say of their interfaces: the web store's types are made of it.
_documents() {
  local service
  for service in "${SERVICES[@]}"; do
    [[ $service != mock-gateway ]] || continue
    "$ROOT/build/$BUILD/bin/$service" --openapi || fail "$service cannot describe its interface"
  done
}

build_pages() {
  local inputs
  _lock_build
  _fetch_npm_packages
  inputs=$(
    {
      find "$ROOT/app/frontend" \( -name dist -o -name generated \) -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
      content_hash "$ROOT/app/product-service/catalog" "$ROOT/package-lock.json" "$ROOT/VERSION" "$ROOT/local/runner/build.sh"
      _documents
    } | sha256sum | cut -d ' ' -f 1
  )
  if [[ $(cat "$STATE/www/pages/.inputs" 2>/dev/null) != "$inputs" ]]; then
    step "Making the pages" no_progress _make_pages "$inputs"
  fi
  _unlock_build
}

_make_pages() {
  local made
  made=$(mktemp -d)
  # shellcheck disable=SC2064 # this folder
  trap "rm -rf '$made'" EXIT
  SOUK_PROGRAMS=$ROOT/build/$BUILD/bin "$ROOT/app/frontend/scripts/make-pages" "$made"
  echo "$1" >"$made/.inputs"
  # The archive is unpacked by the runner, who may not be allowed to read the checkout.
  as_runner rm -rf "$STATE/www/new"
  as_runner mkdir "$STATE/www/new"
  tar -C "$made" -cf - . | as_runner tar -C "$STATE/www/new" --no-same-owner -xf -
  as_runner rm -rf "$STATE/www/pages"
  as_runner mv "$STATE/www/new" "$STATE/www/pages"
}

# Copies the programs; a copy that runs is replaced, not overwritten.
install_programs() {
  local program
  for program in "${SERVICES[@]}" souk-keys souk-backup; do
    [[ -x $ROOT/build/$BUILD/bin/$program ]] || fail "the build made no $program; see $LOG"
    put "$STATE/bin/$program" 755 <"$ROOT/build/$BUILD/bin/$program"
  done
  put "$STATE/bin/start" 755 <"$ROOT/local/supervisor/start"
  put "$STATE/bin/log-keeper" 755 <"$ROOT/local/supervisor/log-keeper"
}
