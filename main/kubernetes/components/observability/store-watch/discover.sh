#!/bin/bash
# What the API server knows and Prometheus needs:
#
#   pods.json     where the pods are that bear prometheus.io/scrape: "true": each port of theirs that is
#                 named `http` or `metrics...`. Prometheus watches the file
#   cluster.txt   when the CronJobs last succeeded, and how large the stores' volumes are. Prometheus asks
#                 for it, over the loopback of this pod
#
# A container of its own, so that the token is here and not with Prometheus, which takes queries from
# others; and so that any build of Prometheus will do (distributions leave Kubernetes out).
set -euo pipefail
shopt -s inherit_errexit
readonly API=${API:-https://kubernetes.default.svc} IDENTITY=${IDENTITY:-/identity} FOLDER=${FOLDER:-/discovered}
trap 'exit 0' TERM

ask() { # PATH
  # Nothing secret in the list of processes; the token is a new one now and then.
  curl -sSf --max-time 10 --cacert "$IDENTITY/ca.crt" -H @<(printf 'Authorization: Bearer %s\n' "$(cat "$IDENTITY/token")") \
    "$API$1?labelSelector=app.kubernetes.io/part-of%3Dsouk"
}

targets() {
  local namespace
  for namespace in $NAMESPACES; do ask "/api/v1/namespaces/$namespace/pods"; done | jq -s '[
    .[].items[]
    | select(.status.phase == "Running" and .status.podIP != null)
    | select(.metadata.annotations["prometheus.io/scrape"] == "true")
    # A task is over soon and nobody misses it. (In a mesh the injector marks its pods, too.)
    | select(any(.metadata.ownerReferences[]?; .kind == "Job") | not)
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

# The names of CronJobs' figures are those of kube-state-metrics, so that the rules do for it, too.
figures() {
  {
    ask "/apis/batch/v1/namespaces/$DATA_NAMESPACE/cronjobs"
    ask "/api/v1/namespaces/$DATA_NAMESPACE/persistentvolumeclaims"
  } | jq -rs '
    def bytes: capture("^(?<number>[0-9.]+)(?<unit>[A-Za-z]*)$")
      | (.number | tonumber) * ({"": 1, m: 0.001, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15,
          Ki: 1024, Mi: 1048576, Gi: 1073741824, Ti: 1099511627776, Pi: 1125899906842624}[.unit]);
    def cronjob: "namespace=\"\(.metadata.namespace)\",cronjob=\"\(.metadata.name)\"";
    .[0].items as $cronjobs | .[1].items as $claims
    | "# HELP kube_cronjob_created When it was set up.",
      "# TYPE kube_cronjob_created gauge",
      ($cronjobs[] | "kube_cronjob_created{\(cronjob)} \(.metadata.creationTimestamp | fromdateiso8601)"),
      "# HELP kube_cronjob_status_last_successful_time When its last Job that succeeded ended.",
      "# TYPE kube_cronjob_status_last_successful_time gauge",
      ($cronjobs[] | select(.status.lastSuccessfulTime != null)
        | "kube_cronjob_status_last_successful_time{\(cronjob)} \(.status.lastSuccessfulTime | fromdateiso8601)"),
      "# HELP souk_volume_capacity_bytes What the cluster has given for a claim.",
      "# TYPE souk_volume_capacity_bytes gauge",
      ($claims[] | select(.status.capacity.storage != null)
        | "souk_volume_capacity_bytes{namespace=\"\(.metadata.namespace)\",persistentvolumeclaim=\"\(.metadata.name)\"} \(.status.capacity.storage | bytes)")'
}

mkdir -p "$FOLDER/served"
busybox httpd -f -p 127.0.0.1:9101 -h "$FOLDER/served" &

failing='' turn=0
while :; do
  # A file is replaced when it is whole. The figures change slowly.
  if targets >"$FOLDER/pods.new" && { ((turn % 12 > 0)) || figures >"$FOLDER/figures.new"; }; then
    cmp -s "$FOLDER/pods.new" "$FOLDER/pods.json" || {
      mv "$FOLDER/pods.new" "$FOLDER/pods.json"
      echo "discover: $(jq length "$FOLDER/pods.json") targets"
    }
    [[ ! -f $FOLDER/figures.new ]] || mv "$FOLDER/figures.new" "$FOLDER/served/cluster.txt"
    turn=$((turn + 1))
    failing=''
  elif [[ -z $failing ]]; then
    # What was found last stays: a store is watched also while the API server is away.
    echo "discover: the API server does not answer; what is known stays as it is" >&2
    failing=yes
  fi
  sleep 5 &
  wait $!
done
