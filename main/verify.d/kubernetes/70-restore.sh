# shellcheck shell=bash disable=SC2034,SC2154 # variables of lib.sh and main/verify
# A volume is lost, and all stores go back to one moment.

# Ids of the orders that the shoppers NAME were told are confirmed, one a line.
acknowledged() {
  gunzip -c "$WORK/journal/$1"-*.jsonl.gz | jq -rR 'fromjson? | select(.to and .status == 201 and .order_id) | .order_id' | sort -u
}

# Ids of all orders that the store has.
orders_there() {
  kubectl exec -n souk-data order-db-0 -c postgres -- psql -X -At -U postgres -d order -c 'SELECT id FROM orders' | sort
}

backup_ended() {
  [[ $(kube get job verify-backup -n souk-data -o jsonpath='{.status.conditions[?(@.status=="True")].type}') == *@(Complete|Failed)* ]]
}

has_other_volume() {
  local uid
  uid=$(kube get pvc data-order-db-0 -n souk-data -o jsonpath='{.metadata.uid}' 2>/dev/null) && [[ -n $uid && $uid != "$1" ]]
}

claim restore 600 "a backup, a lost volume, all stores restored to one moment and reconciled; what was sold since is listed"
claim_restore() {
  local name said told uid from lost listed unlisted kept before
  kube delete job verify-backup -n souk-data --ignore-not-found --wait=true --timeout=60s >/dev/null
  start_shoppers restore-before --mix buy --shoppers 6 --think 400ms --duration 200s --give-up 30s --seed 71
  sleep 5
  # While it sells.
  kube create job verify-backup --from=cronjob/backup -n souk-data >/dev/null
  within 150 backup_ended || stop "the backup did not end within 150 s"
  told=$(kubectl logs -n souk-data job/verify-backup --request-timeout=30s)
  [[ $(kube get job verify-backup -n souk-data -o jsonpath='{.status.succeeded}') == 1 ]] || stop "the backup failed: $(tail -n 2 <<<"$told" | tr '\n' ' ')"
  # What is sold from here on is not in it.
  sleep 10
  finish_shoppers restore-before
  before=$(acknowledged restore-before)
  saw "backup: $(grep -v '^ *$' <<<"$told" | sed 's#^/backup/##' | head -n 2 | paste -sd ' ')"

  # A volume is lost: README.md, "Backup and restore".
  uid=$(kube get pvc data-order-db-0 -n souk-data -o jsonpath='{.metadata.uid}')
  from=$(now_ms)
  kubectl delete -n souk-data pvc/data-order-db-0 pod/order-db-0 --timeout=120s >/dev/null || stop "the volume of order-db could not be deleted"
  within 120 has_other_volume "$uid" || stop "order-db has no new volume"
  within 120 is_pod_ready souk-data order-db-0 || stop "order-db did not come up on a new volume"
  kube rollout restart deployment/order-service -n souk >/dev/null
  kubectl rollout status deployment/order-service -n souk --timeout=120s >/dev/null || stop "order-service is not ready with an empty database"
  [[ -z $(orders_there) ]] || wrong "orders are there, on a new volume"
  saw "order-db lost with its volume: empty and ready again after $(since "$from") s"

  name=$("$MAIN/restore" --list | tail -n 1 | cut -d ' ' -f 1) || stop "main/restore --list failed"
  [[ $told == *"$name"* ]] || wrong "the last backup of the list is $name, and the job says: $told"
  from=$(now_ms)
  said=$("$MAIN/restore" "$name" --reconcile --yes 2>&1) || stop "main/restore failed: $(tail -n 3 <<<"$said" | tr '\n' ' ')"
  echo "$said"
  saw "restored and reconciled in $(since "$from") s"

  await_ready 120 || wrong "the store is not as it was after the restore"
  kept=$(orders_there)
  lost=$(comm -23 <(echo "$before") <(echo "$kept"))
  listed=$(sed -n 's/^order \([0-9a-f-]*\) (not known here).*/\1/p' <<<"$said" | sort -u)
  unlisted=$(comm -23 <(echo "$lost") <(echo "$listed"))
  [[ -z $unlisted ]] || wrong "$(wc -l <<<"$unlisted") confirmed orders are neither there nor listed, one is $(head -n 1 <<<"$unlisted")"
  [[ -n $lost ]] || wrong "no order was placed after the backup's moment, so nothing is proven"
  [[ -n $(comm -12 <(echo "$before") <(echo "$kept")) ]] || wrong "none of the orders of before the backup is there"
  saw "of $(grep -c . <<<"$before") confirmed orders $(comm -12 <(echo "$before") <(echo "$kept") | grep -c .) are there, and $(grep -c . <<<"$lost") of after its moment are listed, their money paid back"

  # What shoppers were told since the backup does not hold any more, and restores judge by that.
  mkdir -p "$WORK/journal/before-restore"
  mv "$WORK"/journal/*.gz "$WORK/journal/before-restore/"
  make_product
  become_shopper
  [[ $(buy | jq -r .state) == confirmed ]] || wrong "the first purchase after the restore was not confirmed"
  kube delete job verify-backup -n souk-data --wait=false >/dev/null
  judge
}
