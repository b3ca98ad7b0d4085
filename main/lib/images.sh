# shellcheck shell=bash
# The images of what was rendered, and how they come into the cluster.

images_of() {
  # `auto` is what istiod fills in (an ingress gateway's).
  sed -n 's/^ *\(- \)\{0,1\}image: *"\{0,1\}\([^" ]*\).*/\2/p' "$1" | sed '/^auto$/d' | sort -u
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

# PROGRAM IMAGE...: whether the program is here, and docker has the images for it.
_expect_local() {
  local image missing=''
  command -v "$1" >/dev/null || fail "the context $CONTEXT is one of $1, and $1 is not on this machine. Install it, or set SOUK_IMAGE_LOADER (a command that is given the images' names) or SOUK_REGISTRY"
  command -v docker >/dev/null || fail "docker is missing, which has the images. Build and load them elsewhere and set SOUK_IMAGE_LOADER=true, or name a registry under images: in the overlay"
  docker version >/dev/null 2>&1 || fail "docker does not answer (docker version says why): it has the images"
  for image in "${@:2}"; do
    docker image inspect "$image" >/dev/null 2>&1 || missing+=" $image"
  done
  [[ -z $missing ]] || fail "these images are not on this machine:$missing. Build them: ./souk compose build (or docker build -f app/Dockerfile --target NAME -t souk/NAME:$(cat "$MAIN/../VERSION") .)"
}

# Which local cluster the context is one of: kind, k3d or minikube. Empty: none that is known.
_kind_of_cluster() {
  case $CONTEXT in
    kind-*) echo kind ;;
    k3d-*) echo k3d ;;
    minikube) echo minikube ;;
    *)
      # A profile of minikube may have any name; it says so beside its cluster.
      if [[ $(kubectl config view --minify -o jsonpath='{.clusters[*].cluster.extensions[*].extension.provider}' 2>/dev/null) == *minikube* ]]; then
        echo minikube
      fi
      ;;
  esac
}

_load_into() { # KIND IMAGE...
  local kind=$1 image
  shift
  _expect_local "$kind" "$@"
  case $kind in
    kind)
      say "Images: kind load docker-image"
      kind load docker-image --name "${CONTEXT#kind-}" "$@" || return 1
      ;;
    k3d)
      say "Images: k3d image import"
      k3d image import -c "${CONTEXT#k3d-}" "$@" || return 1
      ;;
    minikube)
      say "Images: minikube image load"
      for image in "$@"; do minikube -p "$CONTEXT" image load "$image" || return 1; done
      ;;
  esac
}

# RENDERED-FILE: brings in what is needed; may rewrite the file (names of a registry).
bring_images() {
  local rendered=$1 ours missing image kind registry
  # shellcheck disable=SC2207 # names of images have no blanks
  ours=($(images_of "$rendered" | _ours))
  if [[ -n ${SOUK_REGISTRY:-} ]]; then
    registry=${SOUK_REGISTRY%/}
    case $registry in *://* | *' '*) fail "SOUK_REGISTRY is '$SOUK_REGISTRY'; it must be as in registry.example.com/you, without https://" ;; esac
    [[ ${#ours[@]} -eq 0 ]] || _expect_local docker "${ours[@]}"
    for image in ${ours[@]+"${ours[@]}"}; do
      say "Pushing $registry/$image"
      docker tag "$image" "$registry/$image" || fail "docker cannot name an image $registry/$image"
      docker push -q "$registry/$image" >/dev/null || fail "$registry/$image could not be pushed; is 'docker login ${registry%%/*}' needed? Nothing was deployed"
    done
    sed "s#image: \\(\"\\{0,1\\}\\)souk/#image: \\1$registry/souk/#" "$rendered" >"$rendered.2" && mv "$rendered.2" "$rendered"
  elif [[ -n ${SOUK_IMAGE_LOADER:-} ]]; then
    # Ours each time, since a new build may bear the same version; of the others what nodes lack.
    # shellcheck disable=SC2207
    missing=($(images_of "$rendered" | { grep -v '^souk/' || true; } | _missing_on_nodes))
    say "Images: $SOUK_IMAGE_LOADER (${#ours[@]} of ours, ${#missing[@]} others)"
    # shellcheck disable=SC2086 # it may have arguments
    $SOUK_IMAGE_LOADER ${ours[@]+"${ours[@]}"} ${missing[@]+"${missing[@]}"} || fail "SOUK_IMAGE_LOADER ($SOUK_IMAGE_LOADER) could not bring in the images; nothing was deployed"
  else
    [[ ${#ours[@]} -gt 0 ]] || return 0
    kind=$(_kind_of_cluster)
    if [[ -n $kind ]]; then
      _load_into "$kind" "${ours[@]}" || fail "$kind could not bring in the images; nothing was deployed"
      return 0
    fi
    # shellcheck disable=SC2207
    missing=($(printf '%s\n' "${ours[@]}" | _missing_on_nodes))
    [[ ${#missing[@]} -eq 0 ]] ||
      fail "not every node has ${missing[*]}, and no registry has these names. Set SOUK_REGISTRY (they are pushed there), or SOUK_IMAGE_LOADER (a command that is given their names), or name a registry under images: in the overlay. If they are there for certain (nodes list only their largest): SOUK_IMAGE_LOADER=true"
  fi
}
