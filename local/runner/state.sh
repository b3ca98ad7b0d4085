# shellcheck shell=bash disable=SC2034 # the other parts read these variables
# The state folder (.souk in the checkout) and the user that everything runs as.
#
# As an ordinary user both are simple: the folder belongs to this user, who runs everything. As
# root, PostgreSQL refuses to run, and nothing else needs to be root either: the system user `souk`
# runs it all. If that user may not enter the checkout, the folder is /var/lib/souk/<hash of the
# checkout's path>, and .souk a link to it. The folder itself and the runner's log in it stay root's,
# so that root never writes where another user could have laid a link. A copy that an ordinary user
# has started is theirs: root continues it as that user.
#
# SOUK_STATE names another folder, for a store that runs beside the checkout's usual one.
#
# Sets STATE, SOCKETS, LOG and RUN_AS (empty: the present user).

as_runner() {
  if [[ -z $RUN_AS ]]; then
    "$@"
  else
    setpriv --reuid="$RUN_AS" --regid="$(id -g "$RUN_AS")" --init-groups \
      env HOME="$STATE" USER="$RUN_AS" LOGNAME="$RUN_AS" "$@"
  fi
}

# put FILE MODE: makes FILE what standard input is, in one go, as the runner.
put() {
  local status=0
  _put "$@" || status=$?
  ((status <= 1)) || fail "cannot write $1; is the disk full? (df -h $STATE)"
}

# put_changed FILE MODE: the same, and status 1 if FILE was so already. Not in a pipeline: a failure
# to write could not be told from that.
put_changed() {
  local status=0
  _put "$@" || status=$?
  ((status <= 1)) || fail "cannot write $1; is the disk full? (df -h $STATE)"
  return "$status"
}

# 0: changed, 1: was so already, 2: could not be written.
_put() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  as_runner sh -c '
    umask 077
    cat >"$1.new" || exit 2
    if [ -e "$1" ] && cmp -s "$1.new" "$1"; then rm -f "$1.new"; exit 1; fi
    chmod "$2" "$1.new" && mv -f "$1.new" "$1" || exit 2
  ' sh "$1" "$2"
}

# Where the state folder is looked for; may be a link.
PLACE=${SOUK_STATE:-$ROOT/.souk}
[[ $PLACE == /* ]] || PLACE=$CALLED_FROM/$PLACE
readonly PLACE

state_exists() {
  [[ -d $PLACE ]]
}

_may_enter() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  as_runner sh -c 'cd "$1" 2>/dev/null' sh "$1"
}

_find_runner() {
  local owner
  RUN_AS=
  if ((EUID == 0)); then
    RUN_AS=souk
    if state_exists; then
      owner=$(stat -Lc %U "$PLACE")
      if [[ $owner != root ]]; then
        exec setpriv --reuid="$owner" --regid="$(id -g "$owner")" --init-groups \
          env HOME="$(getent passwd "$owner" | cut -d : -f 6)" USER="$owner" LOGNAME="$owner" \
          "$ROOT/souk" "${ARGUMENTS[@]}"
      fi
    fi
  elif state_exists && [[ ! -O $PLACE/ ]]; then
    owner=$(stat -Lc %U "$PLACE")
    fail "this copy was started by $owner; run it as that user (for root: sudo ./souk ...)"
  fi
}

_set_paths() {
  STATE=$(readlink -f "$PLACE")
  LOG=$STATE/up.log
  SOCKETS=$STATE/run
  # The name of a Unix socket has at most 107 characters.
  if ((${#STATE} > 70)); then
    SOCKETS=/tmp/souk-$(printf %s "$STATE" | sha256sum | cut -c 1-16)
  fi
}

# For commands that look at a copy which exists.
open_state() {
  state_exists || fail "nothing has been started here yet; ./souk up does that"
  _find_runner
  _set_paths
  load_settings
}

# For `up`: makes what is missing.
make_state() {
  local folder recorded
  # Characters with a meaning in the configuration files of nginx, supervisor and the like.
  [[ $PLACE != *[\"\'%\;\$\\\{\}\#]* ]] || fail "the path $PLACE contains a character that makes trouble (one of \" ' % ; \$ \\ { } #); move the checkout"
  _find_runner
  if [[ $RUN_AS == souk ]] && ! id souk >/dev/null 2>&1; then
    useradd --system --user-group --no-create-home --home-dir /nonexistent \
      --shell /usr/sbin/nologin souk || fail "cannot make the system user 'souk', who runs the store when root starts it"
  fi
  if ! state_exists; then
    rm -f "$PLACE" 2>/dev/null || true
    if [[ -n $RUN_AS && -z ${SOUK_STATE:-} ]] && ! STATE=/ _may_enter "$ROOT"; then
      folder=/var/lib/souk/$(printf %s "$ROOT" | sha256sum | cut -c 1-16)
      { mkdir -p "$folder" && ln -sfn "$folder" "$PLACE"; } || fail "cannot make $folder"
    else
      mkdir "$PLACE" 2>/dev/null || fail "cannot make the folder $PLACE; give yourself the right to, or clone Souk where you have it"
    fi
  fi
  _set_paths
  _may_enter "$STATE" || fail "user $RUN_AS may not enter $STATE; run ./souk down, then remove it or move it to a folder that others may enter"
  if [[ -z ${SOUK_STATE:-} && -r $STATE/checkout ]]; then
    recorded=$(<"$STATE/checkout")
    if [[ $recorded != "$ROOT" && $recorded/.souk -ef $PLACE ]]; then
      fail "the folder .souk belongs to the copy in $recorded; remove it here (rm $PLACE), then run ./souk up again"
    fi
  fi
  printf '%s\n' "$ROOT" >"$STATE/checkout"
  : >>"$LOG" || fail "cannot write $LOG"
  for folder in data logs run etc bin www secrets; do
    if [[ ! -d $STATE/$folder ]]; then
      mkdir -m 700 "$STATE/$folder"
      [[ -z $RUN_AS ]] || chown "$RUN_AS:" "$STATE/$folder"
    fi
  done
  as_runner mkdir -p -m 700 "$SOCKETS"
  [[ $(stat -c %U "$SOCKETS") == "${RUN_AS:-$(id -un)}" ]] || fail "$SOCKETS belongs to somebody else; remove it"
  load_settings
}

# One command at a time changes a copy. The lock ends with this process.
lock_state() {
  exec 8>>"$STATE/lock"
  flock -n 8 || fail "another ./souk command is at work on this copy; wait for it to end"
}

# Keeps the log of the runner's own work small.
trim_log() {
  if (($(stat -c %s "$LOG" 2>/dev/null || echo 0) > 5000000)); then
    tail -c 1000000 "$LOG" >"$LOG.new" && mv "$LOG.new" "$LOG"
  fi
}
