# shellcheck shell=bash disable=SC2034,SC2154 # variables of lib.sh and main/verify
# The store comes up from nothing, sells, and stays as it is.

claim up 900 "main/deploy brings the store from an empty namespace to a bought article"
claim_up() {
  local began=$SECONDS told order
  told=$(deploy) || { tail -n 30 <<<"$told" && stop "main/deploy failed: $(tail -n 5 <<<"$told" | tr '\n' ' ')"; }
  echo "$told"
  # Its count is nobody's in the manifests (overlay/kustomization.yaml).
  kube scale deployment product-service -n souk --replicas=2 >/dev/null
  start_tools
  make_product
  become_shopper
  order=$(buy)
  [[ $(jq -r .state <<<"$order") == confirmed ]] || stop "the first purchase was not confirmed: $(jq -c '{state, reason}' <<<"$order")"
  saw "$((SECONDS - began)) s from no namespace to a confirmed order"
  await_ready 120 || wrong "not all is ready after that"
  saw "$(kube get pods -A -l app.kubernetes.io/part-of=souk -o json | jq '[.items[] | select(.status.phase == "Running")] | length') pods on $(kube get pods -A -l app.kubernetes.io/part-of=souk -o json | jq '[.items[] | .spec.nodeName] | unique | length') nodes"
}
