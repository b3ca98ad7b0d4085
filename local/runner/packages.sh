# shellcheck shell=bash disable=SC2034 # the other parts read these variables
# Debian's packages: which are needed, and installing those that are missing.

readonly PACKAGES=(
  # to build
  clang-19 lld-19 cmake ninja-build ccache pkg-config
  libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev libpq-dev libhiredis-dev libssl-dev
  prometheus-cpp-dev libspdlog-dev libfmt-dev
  # to run
  postgresql-15 redis-server nginx supervisor prometheus
  # for this program
  curl jq openssl ca-certificates
)
readonly TEST_PACKAGES=(
  libgtest-dev libgmock-dev librapidcheck-dev libbenchmark-dev clang-tidy-19 clang-format-19
  libclang-rt-19-dev llvm-19 chromium-headless-shell shellcheck git python3
)
readonly BENCH_PACKAGES=(wrk redis-tools python3)

_usable_node() {
  local version
  command -v npm >/dev/null && version=$(node --version 2>/dev/null) || return 1
  version=${version#v}
  [[ ${version%%.*} =~ ^[0-9]+$ ]] && ((${version%%.*} >= 18))
}

# The packages among the arguments that are not installed.
_missing_packages() {
  local package state
  for package in "$@"; do
    # dpkg-query fails for a package that it has never heard of.
    # shellcheck disable=SC2016 # its own variables
    state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [[ $state == installed ]] || echo "$package"
  done
}

_check_system() {
  local id='' version=''
  if [[ -r /etc/os-release ]]; then
    # shellcheck disable=SC2034,SC1091
    { read -r id; read -r version; } < <(. /etc/os-release && printf '%s\n%s\n' "${ID:-}" "${VERSION_ID:-}")
  fi
  if [[ $id != debian || $version != 12 ]]; then
    fail "packages are missing (${missing[*]}), and ./souk can install them only on Debian 12, not on ${id:-this system} ${version}; install their equivalents, or use a Debian 12 machine"
  fi
  case $(dpkg --print-architecture) in
    amd64 | arm64) ;;
    *) fail "Souk runs on amd64 and arm64; this machine is $(dpkg --print-architecture)" ;;
  esac
}

_package_progress() {
  awk '
    /^[0-9]+ upgraded, [0-9]+ newly installed/ { total = $1 + $3 }
    /^(Get:|Unpacking |Setting up )/ { done++ }
    END {
      # Each package is fetched, unpacked and set up.
      if (total) printf "%d %%", (done / total / 3 > 1 ? 1 : done / total / 3) * 100
    }'
}

# install_packages PACKAGE...: those that are missing. Asks for sudo only then.
install_packages() {
  local missing as_root=()
  command -v dpkg-query >/dev/null || fail "Souk's native runner needs Debian 12; this system has no dpkg"
  mapfile -t missing < <(_missing_packages "$@")
  _usable_node || mapfile -t -O "${#missing[@]}" missing < <(_missing_packages nodejs npm)
  ((${#missing[@]} > 0)) || return 0
  _check_system
  if ((EUID != 0)); then
    as_root=(sudo)
    if ! command -v sudo >/dev/null || ! { sudo -n true 2>/dev/null || { [[ -t 0 ]] && sudo -v; }; }; then
      fail "packages are missing and you have no sudo; as root, run: apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
    fi
  fi
  local free
  free=$(df -Pk /usr | awk 'NR == 2 { print int($4 / 1024) }')
  ((free > 1500)) || fail "installing packages needs 1.5 GB of room in /usr, and there are $free MB; make room and run ./souk up again"
  EXPLAIN=explain_common step "Installing what is missing (${#missing[@]} packages and what they need)" _package_progress \
    "${as_root[@]}" bash "$ROOT/local/runner/install-packages" "${missing[@]}"
}
