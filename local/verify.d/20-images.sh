# shellcheck shell=bash disable=SC2034,SC2154 # variables of lib.sh and local/verify
# What is in the images.

claim image-size 120 "the image of each program is at most 40 MB"
claim_image_size() {
  local name size biggest=0 which=''
  for name in "${PROGRAMS[@]}" gateway; do
    # As it is unpacked: what `docker images` says differs between Docker's image stores.
    size=$(image_files "$name" -c)
    ((size <= 40000000)) || wrong "souk/$name has $((size / 1000000)) MB"
    ((size <= biggest)) || { biggest=$size && which=$name; }
  done
  saw "the largest of 7 is souk/$which, $(tenths $((biggest / 1000))) MB"
}

# NAME -c | -t: the size of an image's files as an archive, or their names.
image_files() {
  local id
  id=$(docker create --label "souk.verify=$PROJECT" "souk/$1:$VERSION")
  if [[ $2 == -c ]]; then docker export "$id" | wc -c; else docker export "$id" | tar -t; fi
  docker rm "$id" >/dev/null
}

claim image-content 120 "a service's image holds its program, libraries, certificates and nothing else"
claim_image_content() {
  local name files other count=0 told
  for name in "${PROGRAMS[@]}"; do
    files=$(image_files "$name" -t)
    # Docker itself adds to every container .dockerenv, /dev, /proc, /sys and three files in /etc.
    # Finding nothing, which grep calls a failure, is what is wished here and below.
    other=$(grep -v -E -e '/$' -e "^souk/$name\$" -e '\.so(\.[0-9.]+)?$' -e '^(\.dockerenv|dev/.*|proc/.*|sys/.*)$' \
      -e '^etc/(hostname|hosts|resolv\.conf|mtab|passwd|group|nsswitch\.conf|ssl/certs/ca-certificates\.crt)$' <<<"$files" || true)
    [[ -z $other ]] || wrong "souk/$name holds also $(head -n 5 <<<"$other" | tr '\n' ' ')"
    count=$((count + $(grep -c '\.so' <<<"$files")))
    # Not only looked for: tried.
    told=$(docker run --rm --label "souk.verify=$PROJECT" --entrypoint /bin/sh "souk/$name:$VERSION" -c true 2>&1) && wrong "souk/$name has a shell"
    [[ $told == *'no such file'* ]] || wrong "souk/$name: starting a shell says '$told'"
  done
  told=$(image_files gateway -t | grep -E '(^|/)(bash|dash|apt|dpkg|perl|python[0-9.]*|gcc|cc)$' || true)
  [[ -z $told ]] || wrong "souk/gateway holds $told"
  saw "6 programs with $((count / 6)) libraries each; /bin/sh: no such file (the gateway, which makes its configuration as it starts, has busybox)"
}

claim image-labels 60 "images carry version, revision, source and licence"
claim_image_labels() {
  local name label told
  for name in "${PROGRAMS[@]}" gateway tools; do
    for label in title description version revision source licenses; do
      told=$(docker image inspect -f "{{index .Config.Labels \"org.opencontainers.image.$label\"}}" "souk/$name:$VERSION")
      [[ -n $told ]] || wrong "souk/$name has no $label"
    done
  done
  saw "8 images, revision $(docker image inspect -f '{{index .Config.Labels "org.opencontainers.image.revision"}}' "souk/gateway:$VERSION")"
}
