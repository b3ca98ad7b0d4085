# shellcheck shell=bash disable=SC2153 # variables of other parts
# supervisor keeps the programs running. This part starts it, asks it, and clears up after one that
# was killed.

_supervisorctl() {
  supervisorctl -c "$STATE/etc/supervisord.conf" "$@"
}

# Is supervisord answering?
supervisor_runs() {
  [[ -S $SOCKETS/supervisor.sock ]] && _supervisorctl pid >/dev/null 2>&1
}

# "NAME STATE PID" of each program; nothing if supervisord does not answer.
program_states() {
  _supervisorctl status 2>/dev/null |
    awk '{ pid = 0; for (i = 3; i < NF; i++) if ($i == "pid") pid = $(i + 1) + 0; print $1, $2, pid }' || true
}

_runs() {
  [[ $'\n'$(program_states) == *$'\n'"$1 RUNNING "* ]]
}

# The processes of this copy, by number: those that the runner owns, that work inside the state
# folder and are one of the programs that we start there. Found in /proc, so that it doesn't matter
# who started them and whether any file still knows them. (grep fails when there are none.)
own_processes() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  as_runner bash -c '
    for folder in /proc/[0-9]*; do
      work=$(readlink "$folder/cwd" 2>/dev/null) || continue
      [[ $work == "$1" || $work == "$1"/* ]] || continue
      program=$(readlink "$folder/exe" 2>/dev/null) || continue
      program=${program% (deleted)}
      case $program in
        "$1"/bin/* | */nginx | */postgres | */redis-* | */prometheus) echo "${folder#/proc/}" ;;
        *) if tr "\0" " " <"$folder/cmdline" 2>/dev/null | grep -qF -e "$1/bin/" -e "$1/etc/"; then
             echo "${folder#/proc/}"
           fi ;;
      esac
    done' bash "$STATE" | grep -vx "$$" || true
}

# To those that are still there.
_signal() {
  local signal=$1
  shift
  (($# == 0)) || as_runner bash -c 'kill -s "$@" 2>/dev/null || true' bash "$signal" "$@"
}

# Somebody may have stopped some of them (SIGSTOP), and be gone.
wake_own_processes() {
  local processes
  mapfile -t processes < <(own_processes)
  _signal CONT "${processes[@]}"
}

# Ends every process of this copy. SIGTERM lets the services finish what they are doing; for
# PostgreSQL it would wait for connections, so its main process is sent SIGINT.
stop_own_processes() {
  local processes process deadline=$((SECONDS + 30)) postmaster=''
  mapfile -t processes < <(own_processes)
  ((${#processes[@]} > 0)) || return 0
  if [[ -r $STATE/data/postgres/postmaster.pid ]]; then
    postmaster=$(head -n 1 "$STATE/data/postgres/postmaster.pid")
  elif as_runner test -r "$STATE/data/postgres/postmaster.pid"; then
    postmaster=$(as_runner head -n 1 "$STATE/data/postgres/postmaster.pid")
  fi
  # supervisord first, or it would restart what ends.
  for process in "${processes[@]}"; do
    [[ $(tr '\0' ' ' <"/proc/$process/cmdline" 2>/dev/null) != *'supervisord '* ]] || _signal KILL "$process"
  done
  for process in "${processes[@]}"; do
    if [[ $process == "$postmaster" ]]; then
      _signal INT "$process"
    elif ! grep -qsx postgres "/proc/$process/comm"; then
      _signal TERM "$process"
    fi
  done
  while ((SECONDS < deadline)); do
    mapfile -t processes < <(own_processes)
    ((${#processes[@]} > 0)) || return 0
    sleep 0.2
  done
  _signal KILL "${processes[@]}"
  sleep 0.5
}

_supervisor_config() {
  fill_template "$ROOT/local/supervisor/supervisord.conf.template" "FOLDER=$STATE" "SOCKET=$SOCKETS"
}

# Starts supervisord unless it runs already. It starts nothing by itself: `up` says what and when.
start_supervisor() {
  local config changed=''
  config=$(_supervisor_config)
  ! put_changed "$STATE/etc/supervisord.conf" 600 <<<"$config" || changed=yes
  if supervisor_runs; then
    [[ -z $changed ]] || _supervisorctl update >/dev/null
    return 0
  fi
  if [[ -n $(own_processes) ]]; then
    say "Ending what an earlier run has left behind"
    stop_own_processes
  fi
  as_runner rm -f "$SOCKETS/supervisor.sock"
  (
    cd "$STATE" 2>/dev/null || cd /
    as_runner env -i PATH="$PATH" HOME="$STATE" LANG=C.UTF-8 \
      /usr/bin/supervisord -c "$STATE/etc/supervisord.conf" 7>&- 8>&- 9>&- </dev/null >>"$LOG" 2>&1
  ) || fail "supervisor does not start; see $LOG"
  local attempt
  for ((attempt = 0; attempt < 100; attempt++)); do
    ! supervisor_runs || return 0
    sleep 0.1
  done
  fail "supervisor does not start; see $STATE/logs/supervisord.log"
}

# plan_program NAME SCRIPT: SCRIPT becomes the program (by exec). If it is not running, or runs with
# another script, binary or configuration, it is put on the list that apply_plan works through.
plan_program() {
  local name=$1
  put "$STATE/etc/$name.run" 600 <<<"$2"
  if [[ $'\n'$STATES == *$'\n'"$name RUNNING "* ]]; then
    [[ $(_fingerprint "$name") == "$(as_runner cat "$STATE/etc/$name.runs" 2>/dev/null)" ]] || TO_RESTART+=("$name")
  else
    [[ -z ${PORT_OFFSET[$name]:-} ]] || check_port "$name"
    TO_START+=("$name")
  fi
}

begin_plan() {
  STATES=$(program_states)
  TO_START=() TO_RESTART=()
}

apply_plan() {
  local name
  # What does not come up is named, with its log, by those who wait until it answers.
  ((${#TO_RESTART[@]} == 0)) || { say "Restarting what has changed: ${TO_RESTART[*]}" && _supervisorctl restart "${TO_RESTART[@]}" >>"$LOG" 2>&1; } || true
  ((${#TO_START[@]} == 0)) || _supervisorctl start "${TO_START[@]}" >>"$LOG" 2>&1 || true
  # Only now is it true that this is what runs: an interrupted `up` is repeated.
  for name in "${TO_RESTART[@]}" "${TO_START[@]}"; do
    _fingerprint "$name" | put "$STATE/etc/$name.runs" 600
  done
}

# What a program was started from.
_fingerprint() {
  local files=("$STATE/etc/$1.run" "$STATE/bin/start" "$STATE/bin/$1" "$STATE/etc/$1.conf")
  [[ $1 != cart-service ]] || files+=("$STATE/secrets/session.pem")
  # Each program has only some of these files.
  as_runner sh -c 'cat "$@" 2>/dev/null || true' sh "${files[@]}" | sha256sum
}

# 'text' as a word of a shell script.
shell_word() {
  printf "'%s'" "${1//"'"/"'\\''"}"
}
