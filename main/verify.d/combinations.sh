# shellcheck shell=bash disable=SC2016,SC2154 # expanded by another shell; variables of main/verify
# Combinations of components: do they render, and does the API server take what comes of them?
#
#   try_combinations WHAT...   the combinations on standard input, a line each, on the base; and besides
#                              each overlay (a folder) and file that is named

try_combinations() {
  local folder up combinations combination what count=0 told taken namespace
  # Kustomize wants a way from the overlay to its bases without a root.
  folder=$(cd "$WORK" && pwd -P)/combinations
  rm -rf "$folder" && mkdir -p "$folder"
  up=$(awk -F / '{ for (i = 1; i <= NF; i++) printf "../" }' <<<"$folder")
  mapfile -t combinations
  {
    for combination in "${combinations[@]}"; do
      mkdir "$folder/$count"
      {
        printf 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: ["%s%s/kubernetes/base"]\n' "$up" "${MAIN#/}"
        # shellcheck disable=SC2086 # a list
        [[ -z ${combination// /} ]] || { echo components: && printf "  - $up${MAIN#/}/kubernetes/components/%s\n" $combination; }
      } >"$folder/$count/kustomization.yaml"
      echo "$folder/$count"
      count=$((count + 1))
    done
    for what in "$@"; do
      if [[ -f $what ]]; then
        mkdir "$folder/$count"
        printf 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: ["%s%s"]\n' "$up" "${what#/}" >"$folder/$count/kustomization.yaml"
        what=$folder/$count count=$((count + 1))
      fi
      echo "$what"
    done
  } >"$WORK/folders"
  # Two at a time. (A single file is outside of the folder that names it.) Of each object, each form once:
  # what the API server says of it does not depend on what else is applied.
  xargs -P 2 -I {} sh -c 'out=$2/$(echo "$1" | tr / _); kubectl kustomize --load-restrictor LoadRestrictionsNone "$1" >"$out.yaml" 2>"$out.err" || echo "$1: $(tail -n 1 "$out.err")"' sh {} "$folder" <"$WORK/folders" >"$WORK/unrendered"
  [[ ! -s $WORK/unrendered ]] || wrong "$(wc -l <"$WORK/unrendered") cannot be rendered: $(head -n 2 "$WORK/unrendered" | tr '\n' ' ')"
  # In empty namespaces of their own, and not beside the store that runs, in which parts of an object
  # could not be changed any more.
  while read -r namespace; do make_namespace "verify-$namespace" restricted; done < <(sed -n 's/^  namespace: \(souk.*\)/\1/p' "$folder"/*.yaml | sort -u)
  awk 'BEGIN { RS = "\n---\n|\n*$" } FNR == 1 { sub(/^\n*/, "") } /kind:/ && !/(^|\n)kind: Namespace\n/ && !seen[$0]++ { n++; print $0 "\n---" } END { print n > "/dev/stderr" }' "$folder"/*.yaml 2>"$WORK/forms" |
    sed 's/^  namespace: souk/  namespace: verify-souk/' >"$folder/all"
  told=$(kubectl --request-timeout=300s create --dry-run=server --validate=strict -f "$folder/all" 2>&1) || true
  grep -v ' created (server dry run)$' <<<"$told" >"$WORK/refused" || true
  taken=$(grep -c ' created (server dry run)$' <<<"$told" || true)
  [[ ! -s $WORK/refused ]] || wrong "$(wc -l <"$WORK/refused") words of the API server, the first: $(head -n 3 "$WORK/refused" | cut -c 1-300 | tr '\n' ' ')"
  [[ $taken == "$(<"$WORK/forms")" ]] || wrong "of $(<"$WORK/forms") forms of objects $taken were taken"
  saw "${#combinations[@]} combinations, and $# overlays and files: of $(<"$WORK/forms") different forms of objects $taken taken, $(wc -l <"$WORK/refused") refused or warned of"
  rm -rf "$folder"
}
