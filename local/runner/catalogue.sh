# shellcheck shell=bash
# Souk's own products, put into the store on its first day and never again.

readonly CATALOGUE=$ROOT/app/product-service/catalog/souk-catalog.jsonl

# The first day of a database, not of a folder: a database of one's own has its own mark.
_catalogue_mark() {
  echo "$STATE/data/catalogue-$(given_database product | sha256sum | cut -c 1-12)"
}

load_catalogue() {
  as_runner test ! -e "$(_catalogue_mark)" || return 0
  step "Loading the starting catalogue" no_progress _load_catalogue
  date -u +%FT%TZ | put "$(_catalogue_mark)" 644
}

# A product must be in the store's currency; the starting ones cost the same number in any.
_load_catalogue() {
  local folder
  folder=$(mktemp -d)
  # shellcheck disable=SC2064 # this folder
  trap "rm -rf '$folder'" EXIT
  in_currency "$CATALOGUE" "${CURRENCY:-USD}" >"$folder/catalogue"
  (import_file "$folder/catalogue" '' </dev/null)
}
