# shellcheck shell=bash disable=SC2034,SC2154 # variables of lib.sh and main/verify
# The store comes up from nothing, sells, and stays as it is.

claim up 900 "main/deploy brings the store from an empty namespace to a bought article"
claim_up() {
  local began=$SECONDS line images='' order
  while IFS= read -r line; do
    echo "$((SECONDS - began)) s: $line"
    [[ $line != 'Checking all of it'* ]] || images=$((SECONDS - began))
    [[ $line != *' all is there' ]] || echo yes >"$WORK/deployed"
  done < <(deploy 2>&1)
  [[ -e $WORK/deployed ]] || stop "main/deploy failed; its last words are below"
  # Its count is nobody's in the manifests (overlay/kustomization.yaml).
  kube scale deployment product-service -n souk --replicas=2 >/dev/null
  start_tools
  make_product
  become_shopper
  order=$(buy)
  [[ $(jq -r .state <<<"$order") == confirmed ]] || stop "the first purchase was not confirmed: $(jq -c '{state, reason}' <<<"$order")"
  saw "$((SECONDS - began)) s from no namespace to a confirmed order, $images of them for images, keys and passwords"
  await_ready 120 || wrong "not all is ready after that"
  saw "$(kube get pods -A -l app.kubernetes.io/part-of=souk -o json | jq -r '[.items[] | select(.status.phase == "Running")] | "\(length) pods on \([.[].spec.nodeName] | unique | length) node(s)"')"
}

claim again 180 "a second main/deploy changes nothing: no object, no pod"
claim_again() {
  local objects pods
  state_of_objects >"$WORK/objects"
  state_of_pods >"$WORK/pods-before"
  # That the images are there is certain.
  SOUK_IMAGE_LOADER=true deploy
  objects=$(state_of_objects | diff "$WORK/objects" - | grep '^[<>]' | awk '{ print $2 }' | sort -u | head -n 5 | tr '\n' ' ') || true
  pods=$(state_of_pods | diff "$WORK/pods-before" - | grep '^[<>]' | head -n 5 | tr '\n' ' ') || true
  [[ -z $objects ]] || wrong "these are not as they were: $objects"
  [[ -z $pods ]] || wrong "pods are not as they were: $pods"
  [[ $(kube get deployment product-service -n souk -o jsonpath='{.spec.replicas}') == 2 ]] || wrong "it set the count of product-service, which it should leave alone"
  saw "$(wc -l <"$WORK/objects") objects and $(wc -l <"$WORK/pods-before") pods as before; a count set by hand stays"
}
# Of what has a status that changes by itself, the generation, which rises with what is wanted; of
# other things the version.
state_of_objects() {
  kube get deployments,statefulsets,cronjobs,jobs,networkpolicies,poddisruptionbudgets,services,configmaps,secrets,serviceaccounts,roles,rolebindings,limitranges \
    -A -l app.kubernetes.io/part-of=souk -o json | jq -r '.items[]
      | "\(.kind)/\(.metadata.namespace)/\(.metadata.name) \(if .kind | IN("Deployment", "StatefulSet", "CronJob", "Job", "PodDisruptionBudget") then .metadata.generation else .metadata.resourceVersion end)"' | sort
}
state_of_pods() {
  kube get pods -A -l app.kubernetes.io/part-of=souk -o json | jq -r '.items[] | "\(.metadata.namespace)/\(.metadata.name) \(.metadata.uid) \([.status.containerStatuses[].restartCount] | add)"' | sort
}
