# shellcheck shell=bash
# The images of what was rendered, and how they come into the cluster.

images_of() {
  sed -n 's/^ *\(- \)\{0,1\}image: *"\{0,1\}\([^" ]*\).*/\2/p' "$1" | sort -u
}

# An image that a cluster cannot pull by itself: ours, under a name without a registry.
_ours() {
  # There may be none.
  grep '^souk/' || true
}

# Those of standard input that some node lacks, as far as nodes tell (they list their largest).
_missing_on_nodes() {
  local nodes count image
  nodes=$(kube get nodes -o go-template='{{range .items}}{{range .status.images}}{{range .names}}{{.}}{{"\n"}}{{end}}{{end}}{{end}}' 2>/dev/null | sort | uniq -c)
  count=$(kube get nodes -o name 2>/dev/null | wc -l)
  while read -r image; do
    awk -v a="docker.io/$image" -v b="docker.io/library/$image" -v c="$image" -v n="$count" \
      '$2 == a || $2 == b || $2 == c { found = $1 } END { exit !(found >= n) }' <<<"$nodes" || echo "$image"
  done
}

_expect_local() {
  local image missing=''
  command -v docker >/dev/null || fail "docker is missing, which has the images that $1 is to be given"
  for image in "${@:2}"; do
    docker image inspect "$image" >/dev/null 2>&1 || missing+=" $image"
  done
  [[ -z $missing ]] || fail "these images are not on this machine:$missing. Build them: ./souk compose build (or docker build -f app/Dockerfile --target NAME -t souk/NAME:$(cat "$MAIN/../VERSION") .)"
}

# RENDERED-FILE: brings in what is needed; may rewrite the file (names of a registry).
bring_images() {
  local rendered=$1 ours missing image
  # shellcheck disable=SC2207 # names of images have no blanks
  ours=($(images_of "$rendered" | _ours))
  if [[ -n ${SOUK_REGISTRY:-} ]]; then
    [[ ${#ours[@]} -eq 0 ]] || _expect_local "$SOUK_REGISTRY" "${ours[@]}"
    for image in ${ours[@]+"${ours[@]}"}; do
      say "Pushing $SOUK_REGISTRY/$image"
      docker tag "$image" "$SOUK_REGISTRY/$image"
      docker push -q "$SOUK_REGISTRY/$image" >/dev/null || fail "$SOUK_REGISTRY/$image could not be pushed; is 'docker login ${SOUK_REGISTRY%%/*}' needed?"
    done
    sed "s#image: souk/#image: ${SOUK_REGISTRY%/}/souk/#" "$rendered" >"$rendered.2" && mv "$rendered.2" "$rendered"
  elif [[ -n ${SOUK_IMAGE_LOADER:-} ]]; then
    # Ours each time, since a new build may bear the same version; of the others what nodes lack.
    # shellcheck disable=SC2207
    missing=($(images_of "$rendered" | { grep -v '^souk/' || true; } | _missing_on_nodes))
    say "Images: $SOUK_IMAGE_LOADER (${#ours[@]} of ours, ${#missing[@]} others)"
    # shellcheck disable=SC2086 # it may have arguments
    $SOUK_IMAGE_LOADER ${ours[@]+"${ours[@]}"} ${missing[@]+"${missing[@]}"} || fail "SOUK_IMAGE_LOADER ($SOUK_IMAGE_LOADER) could not bring in the images; nothing was deployed"
  else
    [[ ${#ours[@]} -gt 0 ]] || return 0
    case $CONTEXT in
      kind-*)
        _expect_local "kind" "${ours[@]}"
        say "Images: kind load docker-image"
        kind load docker-image --name "${CONTEXT#kind-}" "${ours[@]}" || fail "kind could not load the images; nothing was deployed"
        ;;
      k3d-*)
        _expect_local "k3d" "${ours[@]}"
        say "Images: k3d image import"
        k3d image import -c "${CONTEXT#k3d-}" "${ours[@]}" || fail "k3d could not import the images; nothing was deployed"
        ;;
      minikube | minikube-*)
        _expect_local "minikube" "${ours[@]}"
        say "Images: minikube image load"
        minikube -p "$CONTEXT" image load "${ours[@]}" || fail "minikube could not load the images; nothing was deployed"
        ;;
      *)
        # shellcheck disable=SC2207
        missing=($(printf '%s\n' "${ours[@]}" | _missing_on_nodes))
        [[ ${#missing[@]} -eq 0 ]] ||
          fail "no node has ${missing[*]}, and no registry has these names. Set SOUK_REGISTRY (they are pushed there), or SOUK_IMAGE_LOADER (a command that is given their names), or name a registry under images: in the overlay. If they are there for certain (nodes list only their largest): SOUK_IMAGE_LOADER=true"
        ;;
    esac
  fi
}
