# shellcheck shell=bash
# What all parts use: talking to the user, and long steps with progress and a log.

# Messages go to the terminal also from inside a step, whose output goes to the log.
exec 9>&2

say() {
  printf '%s\n' "$*"
}

warn() {
  printf 'souk: %s\n' "$*" >&9
}

# The exit status of a subshell that has already said what is wrong.
readonly SAID=113

# One sentence that says what is wrong and what to do about it.
fail() {
  printf 'souk: %s\n' "$*" >&9
  ((BASHPID == $$)) || exit "$SAID"
  exit 1
}

# What nobody foresaw still gets a sentence.
watch_for_errors() {
  trap 'unexpected "$?" "$BASH_COMMAND"' ERR
}

# A command has failed that should not have.
unexpected() {
  if (($1 != SAID)); then
    printf "souk: this failed unexpectedly: %s (in %s, line %s)%s\n" "$2" "${BASH_SOURCE[1]##*/}" \
      "${BASH_LINENO[0]}" "${LOG:+; see $LOG}" >&9
  fi
  ((BASHPID == $$)) || exit "$SAID"
  exit 1
}

usage() {
  printf 'usage: ./souk %s\n' "$*" >&9
  exit 2
}

need_command() {
  command -v "$1" >/dev/null || fail "'$1' is missing; ./souk up installs it"
}

# Percentages and counts for the progress line: each is given the part of the log that the step
# has written so far, on standard input.
no_progress() {
  :
}

_monitor() {
  local title=$1 progress=$2 offset=$3 began=$4 shown='' tick=0 text
  while sleep 1; do
    tick=$((tick + 1))
    # No progress to be seen yet is no failure.
    text=$(tail -c "+$((offset + 1))" "$LOG" 2>/dev/null | "$progress" || true)
    text="$title ${text:+$text, }$((SECONDS - began)) s"
    if [[ -t 9 ]]; then
      printf '\r\033[K%s' "$text" >&9
    elif ((tick == 1)); then
      printf '%s ...\n' "$title" >&9
    elif ((tick % 15 == 0)) && [[ $text != "$shown" ]]; then
      printf '  %s\n' "$text" >&9
      shown=$text
    fi
  done
}

# step TITLE PROGRESS COMMAND...: runs COMMAND in a subshell with its output in the log, shows how
# far it is, and if it fails shows the end of its output and where all of it is. EXPLAIN, if set,
# names a function that is given the output and may say one helpful sentence.
step() {
  local title=$1 progress=$2 began=$SECONDS offset monitor status=0
  shift 2
  offset=$(stat -c %s "$LOG" 2>/dev/null || echo 0)
  printf '\n=== %s: %s\n' "$(date -u +%FT%TZ)" "$title" >>"$LOG"
  _monitor "$title" "$progress" "$offset" "$began" </dev/null >/dev/null 2>&1 8>&- &
  monitor=$!
  # The monitor may have been ended already, by whoever interrupted this.
  # shellcheck disable=SC2064 # this monitor
  trap "kill $monitor 2>/dev/null || true" EXIT
  set +e
  trap - ERR
  (
    set -e
    trap - EXIT
    "$@"
  ) >>"$LOG" 2>&1 </dev/null 8>&-
  status=$?
  set -e
  watch_for_errors
  # Its own status, of one that was killed, says nothing.
  kill "$monitor" 2>/dev/null || true
  wait "$monitor" 2>/dev/null || true
  trap - EXIT
  [[ ! -t 9 ]] || printf '\r\033[K' >&9
  if ((status != 0)); then
    printf '%s: failed after %s s\n' "$title" "$((SECONDS - began))" >&9
    tail -c "+$((offset + 1))" "$LOG" | tail -n 15 | sed 's/^/  | /' >&9
    [[ -z ${EXPLAIN:-} ]] || tail -c "+$((offset + 1))" "$LOG" | "$EXPLAIN" >&9 || true
    printf 'souk: the whole output is in %s\n' "$LOG" >&9
    exit 1
  fi
  if ((SECONDS - began > 0)); then
    printf '%s: done in %s s\n' "$title" "$((SECONDS - began))" >&9
  fi
}

# explain_common: reads a step's output and says what the usual failures mean.
explain_common() {
  local text
  text=$(cat)
  case $text in
    *'No space left on device'* | *'not enough free space'* | *"don't have enough free space"*)
      echo "souk: the disk is full; make some room (df -h) and run ./souk up again" ;;
    *'Could not get lock'* | *'Unable to acquire the dpkg'* | *'Unable to lock'*)
      echo "souk: another program is installing packages; wait for it to end, then run ./souk up again" ;;
    *'dpkg was interrupted'*)
      echo "souk: an earlier installation was interrupted; run 'dpkg --configure -a' as root, then ./souk up again" ;;
    *'Unable to locate package'* | *'has no installation candidate'*)
      echo "souk: this machine's package sources lack a package that Souk needs; they must contain Debian 12's main archive" ;;
    *'Could not resolve'* | *'Temporary failure resolving'* | *'Failed to fetch'* | *'Unable to fetch'* | \
      *'Cannot initiate the connection'* | *'ENOTFOUND'* | *'EAI_AGAIN'* | *'ECONNREFUSED'* | *'ETIMEDOUT'* | *'ENETUNREACH'*)
      echo "souk: the package servers cannot be reached; check this machine's network and run ./souk up again" ;;
    *'Killed signal terminated program'* | *'LLVM ERROR: out of memory'* | *'unable to execute command: Killed'*)
      echo "souk: the compiler ran out of memory; run ./souk up again with SOUK_JOBS=1" ;;
    *) return 0 ;;
  esac
}

# Folders and files are compared by content; times and owners don't matter.
content_hash() {
  find "$@" -type f -print0 2>/dev/null | sort -z | xargs -0 -r sha256sum | sha256sum | cut -d ' ' -f 1
}

# fill_template FILE NAME=VALUE...: the file with each ${NAME} replaced.
fill_template() {
  local text pair
  text=$(<"$1")
  shift
  for pair in "$@"; do
    text=${text//"\${${pair%%=*}}"/"${pair#*=}"}
  done
  printf '%s\n' "$text"
}
