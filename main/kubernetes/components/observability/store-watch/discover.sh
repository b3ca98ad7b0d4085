#!/bin/bash
# Writes for Prometheus where the pods are that bear prometheus.io/scrape: "true": each port of theirs
# that is named `http` or `metrics...`, every few seconds, as a file that Prometheus watches.
#
# A container of its own, so that the token is here and not with Prometheus, which takes queries from
# others; and so that any build of Prometheus will do (distributions leave Kubernetes out).
set -euo pipefail
shopt -s inherit_errexit
readonly API=${API:-https://kubernetes.default.svc} TOKEN=/identity/token CA=/identity/ca.crt FILE=/discovered/pods.json
trap 'exit 0' TERM

targets() {
  local namespace
  for namespace in $NAMESPACES; do
    # Nothing secret in the list of processes; the token is a new one now and then.
    curl -sSf --max-time 10 --cacert "$CA" -H @<(printf 'Authorization: Bearer %s\n' "$(cat "$TOKEN")") \
      "$API/api/v1/namespaces/$namespace/pods?labelSelector=app.kubernetes.io/part-of%3Dsouk"
  done | jq -s '[
    .[].items[]
    | select(.status.phase == "Running" and .status.podIP != null)
    | select(.metadata.annotations["prometheus.io/scrape"] == "true")
    | . as $pod
    | (if .status.podIP | contains(":") then "[\(.status.podIP)]" else .status.podIP end) as $host
    # One port for the whole pod, if it names it (in a mesh: sidecar and service together).
    | .metadata.annotations["prometheus.io/port"] as $port
    | (if $port then [first(.spec.containers[] | select(.ports)), .spec.containers[0]][:1] else .spec.containers end)[] as $container
    | (if $port then $port
       else ($container.ports[]? | select(.name // "" | test("^(http|metrics(-.*)?)$")) | .containerPort) end) as $asked
    | {
        targets: ["\($host):\($asked)"],
        labels: ({
          job: $pod.metadata.labels["app.kubernetes.io/name"],
          namespace: $pod.metadata.namespace,
          pod: $pod.metadata.name,
          container: $container.name,
          track: $pod.metadata.labels["souk/track"],
          __metrics_path__: (if $port then $pod.metadata.annotations["prometheus.io/path"] else null end)
        } | with_entries(select(.value != null)))
      }
  ] | sort_by(.labels.job, .targets)'
}

failing=''
while :; do
  if targets >"$FILE.new"; then
    cmp -s "$FILE.new" "$FILE" || {
      mv "$FILE.new" "$FILE"
      echo "discover: $(jq length "$FILE") targets"
    }
    failing=''
  elif [[ -z $failing ]]; then
    # What was found last stays: a store is watched also while the API server is away.
    echo "discover: the API server does not answer; the targets stay as they are" >&2
    failing=yes
  fi
  sleep 5 &
  wait $!
done
