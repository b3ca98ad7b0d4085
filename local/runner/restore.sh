# shellcheck shell=bash disable=SC2153 # variables of other parts
# ./souk restore: the store as a backup has it; and ./souk restore --reconcile: what the payment
# company knows beyond that is settled. docs/backup.md says what becomes of what.

command_restore() {
  local file='' yes='' settle='' work
  while (($# > 0)); do
    case $1 in
      -y | --yes) yes=yes ;;
      --reconcile) settle=--settle ;;
      -*) usage "restore FILE [--reconcile] [--yes] | restore --reconcile" ;;
      *) [[ -z $file ]] || usage "restore FILE [--reconcile] [--yes] | restore --reconcile"; file=$1 ;;
    esac
    shift
  done
  [[ -n $file || -n $settle ]] || usage "restore FILE [--reconcile] [--yes] | restore --reconcile"
  open_state
  lock_state
  need_command jq
  _need_running_store "restore"
  trim_log
  work=$STATE/data/restore
  if [[ -z $file ]]; then
    as_runner mkdir -p "$work"
    _reconcile "$settle" || exit 1
    return 0
  fi
  [[ $file == /* ]] || file=$CALLED_FROM/$file
  [[ -f $file && -r $file ]] || fail "there is no file $file, or you may not read it"
  finish_interrupted_restore
  _unpack "$file" "$work"
  _ask_before_restore "$file" "$work" "$yes"
  step "Filling new databases from the backup" no_progress _backup_program prepare "$work"
  _exchange "$work"
  _reopen "$settle"
}

# Into a folder of the runner's, and checked as a whole.
_unpack() {
  local name names
  names=$(tar -tzf "$1" 2>/dev/null) || fail "$1 is no backup, or it is damaged; nothing was changed"
  while read -r name; do
    case $name in
      manifest.json | carts.jsonl | product.dump | order.dump | payment.dump | inventory.dump) ;;
      *) fail "$1 is no backup: it contains '$name'; nothing was changed" ;;
    esac
  done <<<"$names"
  as_runner rm -rf "$2"
  as_runner mkdir -m 700 "$2"
  as_runner tar -C "$2" --no-same-owner -xzf - <"$1" ||
    fail "$1 could not be unpacked; is the disk full? (df -h $STATE) Nothing was changed"
  CONTENTS=$(_backup_program check "$2" 2>&1) || fail "$1: ${CONTENTS#souk-backup: }; nothing was changed"
}

_ask_before_restore() {
  local answer=''
  say "$1: $CONTENTS"
  [[ -z $3 ]] || return 0
  [[ -t 0 ]] || fail "a restore replaces all products, stock, carts, orders and payments of this store; say ./souk restore FILE --yes if you mean it"
  printf 'This replaces all products, stock, carts, orders and payments of this store; what happened since then is gone.\nType "yes" to go on: '
  read -r answer
  [[ $answer == yes ]] || fail "nothing was changed"
}

# With everything stopped that could write. The mock gateway, another company, goes on.
_exchange() {
  local failed=''
  CLOSED_AT=$SECONDS
  _stop_together gateway
  _stop_together "${SERVICES[@]:0:5}"
  # In a subshell: if it fails the store has to be opened again.
  (step "Exchanging the databases and carts" no_progress _backup_program swap "$1") || failed=yes
  if [[ -n $failed ]]; then
    finish_interrupted_restore
    [[ $INTERRUPTED != finished ]] || failed=''
  fi
  _supervisorctl start "${SERVICES[@]:0:5}" >>"$LOG" 2>&1 || true
  [[ -n $failed ]] || return 0
  _supervisorctl start gateway >>"$LOG" 2>&1 || true
  wait_for_store
  fail "the restore failed, and the store is as it was before"
}

# Orders that were under way in the backup come to their end before shoppers come in.
_reopen() {
  local began=$SECONDS status=0
  while [[ -n $(unready_services) ]] && ((SECONDS - began < 60)); do sleep 0.2; done
  _reconcile "$1" || status=$?
  _supervisorctl start gateway >>"$LOG" 2>&1 || true
  wait_for_store
  say "The store is restored; it was closed for $((SECONDS - CLOSED_AT)) s. The databases that it had before are kept as NAME_before_restore until the next restore."
  ((status == 0)) || exit 1
}

# What the payment company has and this store does not know: listed, or settled.
_reconcile() {
  local status=0 found
  found=$(_backup_program reconcile ${1:+"$1"} 2>&1) || status=$?
  [[ -z $found ]] || as_runner tee -a "$STATE/data/reconciled.log" <<<"$found"
  case $status in
    0) say "The payment company and the store agree." ;;
    3)
      if [[ -n $1 ]]; then
        warn "the charges above are not settled; ./souk restore --reconcile tries again"
        return 1
      fi
      warn "the payment company has the charges above, which the restored store does not know; ./souk restore --reconcile gives the money back"
      ;;
    *)
      warn "the payment company's charges could not be compared; ./souk restore --reconcile tries again"
      return 1
      ;;
  esac
}

# A restore that was killed in its last step is finished, or taken back. While no service runs. Sets
# INTERRUPTED to what it did, if anything.
finish_interrupted_restore() {
  local attempt
  INTERRUPTED=
  as_runner test -e "$STATE/data/restore/swapping" || return 0
  # The stores may be starting.
  for ((attempt = 0; attempt < 150; attempt++)); do
    INTERRUPTED=$(_backup_program recover "$STATE/data/restore" 2>>"$LOG") || true
    [[ -z $INTERRUPTED ]] || break
    sleep 0.2
  done
  case $INTERRUPTED in
    finished) say "A restore was interrupted at its end; the store is as the backup has it." ;;
    'taken back') say "A restore was interrupted; the store is as it was before." ;;
    *) fail "a restore was interrupted, and it could not be cleared up; see $LOG" ;;
  esac
}
