# shellcheck shell=bash
# What main/deploy does besides, when the overlay has the component mesh.

# RENDERED-FILE: ends this program when the cluster's mesh lacks something that the store needs.
expect_mesh() {
  local told status=0 revision
  revision=$(sed -n 's#^ *istio\.io/rev: *##p' "$1" | tr -d '"' | head -n 1)
  told=$("$MAIN/istio/install/check" "$revision" 2>&1) || status=$?
  case $status in
    0) say "$told" ;;
    3) say "Note: $told" ;;
    *) fail "$told
Nothing was changed. main/istio/install/README.md says how a mesh is installed that has all of it" ;;
  esac
}

# The public keys of sessions, for the ingress gateway: it refuses bearer tokens that are not ours. They
# stand in the policy itself, because istiod, which would fetch them, has no certificate that
# cart-service would let in. In the header Authorization alone: a cookie that is too old must lead to a
# new session, not to a closed door.
publish_session_keys() {
  local keys
  keys=$(kube get configmap session-keys -n souk -o jsonpath='{.data.session\.jwks}' | tr -d '\n') || keys=''
  [[ $keys == *'"keys"'* ]] || fail "the ConfigMap souk/session-keys has no session.jwks, from which the ingress gateway would know the sessions' keys"
  kube apply --server-side --force-conflicts --field-manager="$FIELD_MANAGER" -f - >/dev/null <<Y || fail "the policy souk-ingress/session-tokens could not be made"
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata:
  name: session-tokens
  namespace: souk-ingress
  labels: { app.kubernetes.io/part-of: souk }
spec:
  selector: { matchLabels: { istio: souk-ingress-gateway } }
  jwtRules:
    - issuer: souk
      audiences: [souk]
      fromHeaders: [{ name: Authorization, prefix: "Bearer " }]
      forwardOriginalToken: true
      jwks: '$keys'
Y
}
