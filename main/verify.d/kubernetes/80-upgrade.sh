# shellcheck shell=bash disable=SC2034,SC2154 # variables of lib.sh and main/verify
# A new version with a new schema comes, and goes again, while shoppers buy.
#
# The new version is this tree with verify.d/kubernetes/upgrade/previous-price.patch: it remembers, in
# a column of its own, what a product cost before, and tells it.

UPGRADE=$MAIN/verify.d/kubernetes/upgrade

claim migrations 30 "main/lint-migrations passes the new version's migration, and refuses a contraction"
claim_migrations() {
  local said
  said=$("$MAIN/lint-migrations" "$UPGRADE/previous_price.sql" 2>&1) || wrong "the expanding one is refused: $said"
  said=$("$MAIN/lint-migrations" "$UPGRADE/contraction.sql" 2>&1) && wrong "the contracting one passes"
  saw "refused: $(sed -n 's/^[^ ]*:[0-9]*: //p' <<<"$said" | paste -sd ',')"
}

claim next-version 1500 "the image of the next version is there, or is built"
claim_next_version() {
  local image began=$SECONDS
  image=$("$UPGRADE/build" --image)
  "$UPGRADE/build" --check || stop "upgrade/previous-price.patch does not fit this tree"
  if can_start "$UPGRADE/build"; then
    saw "$image is there"
    return 0
  fi
  docker info >/dev/null 2>&1 || skip "$image is not there, and no Docker to build it with"
  "$UPGRADE/build" || stop "$image could not be built"
  saw "$image built in $((SECONDS - began)) s"
}

# SQL: in product-service's database.
in_product_db() { kubectl exec -n souk-data product-db-0 -c postgres -- psql -X -At -v ON_ERROR_STOP=1 -U postgres -d product -c "$1"; }

# What a later release would do when nobody needs the column any more; here, so that the store is as
# it was.
contract() {
  in_product_db "BEGIN; ALTER TABLE products DROP COLUMN IF EXISTS previous_price_minor; DELETE FROM schema_migrations WHERE name LIKE '%previous\\_price'; COMMIT" >/dev/null
}

# Versions that product-service's pods say they are of.
versions() {
  kube get pods -n souk -l app.kubernetes.io/name=product-service -o json |
    jq -r '[.items[] | select(.metadata.deletionTimestamp == null) | .spec.containers[0].image | sub(".*:"; "")] | unique | join(" ")'
}

# MINOR: PRODUCT costs that from now on. Prints what the store answers.
reprice() {
  local now
  now=$(ask GET "/products/$PRODUCT")
  in_store curl -sS --max-time 20 -X PATCH -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' \
    -H "if-match: \"$(jq -r .version <<<"$now")\"" -d "{\"price_minor\":$1}" "$STORE/api/products/$PRODUCT"
}

claim upgrade 600 "a version with a migration comes by main/deploy and is undone, under load: no failed request"
claim_upgrade() {
  local image answer from said
  # shellcheck source=main/lib/images.sh
  source "$MAIN/lib/images.sh"
  image=$("$UPGRADE/build" --image)
  can_start "$UPGRADE/build" || skip "$image is not there (main/verify.d/kubernetes/upgrade/build makes it)"
  [[ $(kubectl kustomize "$UPGRADE/overlay" | grep -c "image: $image\$") -gt 0 ]] || stop "upgrade/overlay does not name $image"
  # Of a claim that was ended in the middle.
  contract
  make_product
  answer=$(reprice 1150)
  [[ $(jq -c '[.price_minor, .previous_price_minor]' <<<"$answer") == '[1150,null]' ]] || wrong "the version before answers $answer"

  # The only one that is not there yet; after that nothing has to be brought in.
  CONTEXT=$(kubectl config current-context)
  printf 'image: %s\n' "$image" >"$WORK/next.yaml"
  ! docker image inspect "$image" >/dev/null 2>&1 || bring_images "$WORK/next.yaml"
  start_load upgrade
  from=$(now_ms)
  SOUK_IMAGE_LOADER=true deploy "$UPGRADE/overlay" || stop "main/deploy of the new version failed"
  [[ $(versions) == "${image##*:}" ]] || wrong "product-service runs as $(versions)"
  saw "${image##*:} came in $(since "$from") s, with its migration $(in_product_db "SELECT name FROM schema_migrations ORDER BY number DESC LIMIT 1")"
  answer=$(reprice 1050)
  [[ $(jq -c '[.price_minor, .previous_price_minor]' <<<"$answer") == '[1050,1150]' ]] || wrong "the new version answers $answer"
  saw "it tells the price before: $(jq -c '{price_minor, previous_price_minor}' <<<"$answer")"
  sleep 3

  from=$(now_ms)
  kube rollout undo deployment/product-service -n souk >/dev/null
  kubectl rollout status deployment/product-service -n souk --timeout=180s >/dev/null || stop "the version before did not come back"
  await_ready 60 || wrong "the store is not ready with the version before"
  [[ $(versions) == "$VERSION" ]] || wrong "product-service runs as $(versions)"
  said=$(kubectl logs -n souk "$(pod_of product-service)" -c migrate --request-timeout=30s | jq -rR 'fromjson? | .message // empty' | tail -n 1)
  [[ $said == *'newer than this program'* ]] || wrong "the version before says of the schema: $said"
  answer=$(reprice 950)
  [[ $(jq -c '[.price_minor, .previous_price_minor]' <<<"$answer") == '[950,null]' ]] || wrong "the version before answers $answer"
  sleep 3
  saw "$VERSION back in $(since "$from") s on the new schema ($said)"

  finish_load upgrade
  contract
}
