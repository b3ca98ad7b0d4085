# shellcheck shell=bash disable=SC2034,SC2154 # variables of lib.sh and main/verify
# Everything is deleted or killed in the middle of purchases.

# NAME: uids of its pods that are ready and do not end.
ready_uids() {
  kube get pods -n "$(in_namespace "$1")" -l "app.kubernetes.io/name=$1" -o json |
    jq -r '.items[] | select(.metadata.deletionTimestamp == null and any(.status.conditions[]?; .type == "Ready" and .status == "True")) | .metadata.uid'
}

# NAME UID COUNT: as many are ready as before, without that one.
is_replaced() {
  local uids
  uids=$(ready_uids "$1") && [[ $uids != *"$2"* ]] && (($(wc -w <<<"$uids") >= $3))
}

# NAME SECONDS: deletes one of its pods, and waits until another is ready in its place.
replace_one() {
  local uids count pod uid
  uids=$(ready_uids "$1")
  count=$(wc -w <<<"$uids")
  pod=$(pod_of "$1")
  uid=$(kube get pod "$pod" -n "$(in_namespace "$1")" -o jsonpath='{.metadata.uid}')
  mark "$1"
  kube delete pod "$pod" -n "$(in_namespace "$1")" --wait=false >/dev/null
  within "$2" is_replaced "$1" "$uid" "$count" || wrong "$1: $2 s after its pod was deleted there is no other in its place"
}

claim crash-pods 300 "a pod of each program deleted while shoppers buy: no request fails, no order is lost"
claim_crash_pods() {
  local name single=''
  crowd crash-pods 270
  for name in gateway "${PROGRAMS[@]}"; do
    (($(pods_of "$name" | wc -l) > 1)) || single+=" $name"
    replace_one "$name" 60
    # Purchases between one and the next.
    sleep 2
  done
  # The old ones serve on for ten seconds.
  sleep 10
  await_ready 60 || wrong "the store is not as it was after that"
  # The payment company has one; the store's own have two each.
  if [[ -z ${single/ mock-gateway/} ]]; then told_by crash-pods whole; else told_by crash-pods; fi
  [[ -z $single ]] || saw "with a single pod:$single"
  judge
}

# NAMESPACE POD CONTAINER
restarts() {
  kube get pod "$2" -n "$1" -o jsonpath="{.status.containerStatuses[?(@.name==\"$3\")].restartCount}"
}
has_restarted() { (($(restarts "$1" "$2" "$3") > $4)); }

# NAME: SIGKILL to the program, by a neighbour of the same user.
kill_program() {
  local namespace pod container=service before from
  namespace=$(in_namespace "$1")
  pod=$(pod_of "$1")
  [[ $1 != gateway ]] || container=gateway
  before=$(restarts "$namespace" "$pod" "$container")
  mark "$1"
  {
    printf 'wanted=%q\n' "$([[ $1 == gateway ]] && echo 'nginx: master' || echo "/souk/$1")"
    cat <<'TEXT'
      for process in /proc/[0-9]*; do
        words=$(tr '\0' ' ' <"$process/cmdline" 2>/dev/null) || continue
        [[ $words != "$wanted"* ]] || { kill -9 "${process##*/}" && exit 0; }
      done
      echo "there is no $wanted" >&2
      exit 1
TEXT
  } | inside "$namespace" "$pod" || wrong "$1 could not be killed: $(tail -n 1 "$WORK/log/crash-kills")"
  from=$(now_ms)
  within 30 has_restarted "$namespace" "$pod" "$container" "$before" || {
    wrong "$1: the restart count did not rise within 30 s"
    return 0
  }
  excuse "$namespace" "$pod" "$container"
  within 60 is_pod_ready "$namespace" "$pod" || wrong "$1 was not ready 60 s after its restart"
  KILLED+=" $1 ($before to $(restarts "$namespace" "$pod" "$container"), ready after $(tenths $(($(now_ms) - from))) s)"
}

claim crash-kills 360 "each program killed (SIGKILL) while shoppers buy: the kubelet restarts it, no order is lost"
claim_crash_kills() {
  local name KILLED=''
  crowd crash-kills 330
  for name in gateway "${PROGRAMS[@]}"; do
    kill_program "$name"
    sleep 2
  done
  await_ready 60 || wrong "the store is not as it was after that"
  saw "restart counts:$KILLED"
  told_by crash-kills
  judge
}

claim crash-databases 420 "each database's pod and Redis' deleted while shoppers buy: it goes on by itself, no order is lost"
claim_crash_databases() {
  local name
  crowd crash-databases 390
  for name in "${DATABASES[@]}" mock-gateway-db redis; do
    replace_one "$name" 120
    await_ready 90 || wrong "the store is not ready 90 s after $name was back"
    sleep 3
  done
  told_by crash-databases
  judge
}
