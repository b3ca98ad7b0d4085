# shellcheck shell=bash disable=SC2034,SC2154 # variables of lib.sh and local/verify
# What a container may do, and what can reach it.

claim users 60 "no process of the stack is root; Souk's own are user 10001"
claim_users() {
  local name id uid count=0
  for name in $(lasting_services); do
    for id in $(containers "$name"); do
      for uid in $(docker top "$id" -eo uid,pid | awk 'NR > 1 { print $1 }' | sort -u); do
        [[ $uid != 0 ]] || wrong "a process of $name is root"
        [[ " ${PROGRAMS[*]} gateway " != *" $name "* || $uid == 10001 ]] || wrong "a process of $name is user $uid"
      done
      [[ " ${PROGRAMS[*]} gateway " != *" $name "* || $(look '{{.Config.User}}' "$id") == 10001:10001 ]] || wrong "$name is started as $(look '{{.Config.User}}' "$id")"
      count=$((count + 1))
    done
  done
  saw "$count containers"
}

claim read-only 120 "no container can write to its root file system, and none has a capability"
claim_read_only() {
  local name id list='' told
  for name in $(lasting_services); do
    for id in $(containers "$name"); do list+="$name $(look '{{.State.Pid}}' "$id")"$'\n'; done
  done
  # Tried from outside, as root, through the process's own view of its files: no permission stands
  # in the way there, only the mount itself.
  told=$(on_machine "$list" <<'TEXT'
    while read -r name pid; do
      [[ -n $name ]] || continue
      seen=$(touch "/proc/$pid/root/souk-verify" 2>&1) && rm -f "/proc/$pid/root/souk-verify"
      [[ $seen == *'Read-only file system'* ]] || echo "WRONG $name can write to /: ${seen:-a file was made}"
      while read -r what value; do
        case $what:$value in
          CapEff:0000000000000000 | CapPrm:0000000000000000 | CapBnd:0000000000000000 | NoNewPrivs:1) ;;
          *) echo "WRONG $name has $what $value" ;;
        esac
      done < <(sed -n 's/^\(CapEff\|CapPrm\|CapBnd\|NoNewPrivs\):[[:space:]]*/\1 /p' "/proc/$pid/status")
      echo "SEEN $name"
    done <<<"$1"
TEXT
  )
  while read -r name; do wrong "$name"; done < <(sed -n 's/^WRONG //p' <<<"$told")
  saw "$(grep -c ^SEEN <<<"$told") containers: a write fails with 'Read-only file system', capabilities 0, no new privileges"
  [[ $(grep -c ^SEEN <<<"$told") == $(grep -c . <<<"$list") ]] || wrong "not all containers could be looked into"
}

claim limits 60 "each container has limits of memory, CPU and processes, log rotation and a restart policy"
claim_limits() {
  local name id memory cpu pids log policy count=0
  for name in $(lasting_services); do
    for id in $(containers "$name"); do
      IFS='|' read -r memory cpu pids log policy < <(look '{{.HostConfig.Memory}}|{{.HostConfig.NanoCpus}}|{{.HostConfig.PidsLimit}}|{{.HostConfig.LogConfig.Type}} {{index .HostConfig.LogConfig.Config "max-size"}} {{index .HostConfig.LogConfig.Config "max-file"}}|{{.HostConfig.RestartPolicy.Name}}' "$id")
      ((memory > 0)) || wrong "$name has no limit of memory"
      ((cpu > 0)) || wrong "$name has no limit of CPU"
      [[ $pids =~ ^[1-9] ]] || wrong "$name has no limit of processes"
      [[ $log =~ ^(json-file|local)\ [0-9]+[km]\ [0-9]+$ ]] || wrong "the log of $name is not rotated ($log)"
      [[ $policy == unless-stopped || $policy == always ]] || wrong "$name has the restart policy '$policy'"
      count=$((count + 1))
    done
  done
  saw "$count containers"
}

claim published 90 "only the gateway and the observers' pages are published, on 127.0.0.1 alone"
claim_published() {
  local id name port host other refused=0 count=0
  for id in $(compose ps --quiet); do
    name=$(look '{{index .Config.Labels "com.docker.compose.service"}}' "$id")
    # shellcheck disable=SC2016 # names of the template
    while read -r host port; do
      [[ -n $port ]] || continue
      count=$((count + 1))
      [[ $host == 127.0.0.1 ]] || wrong "$name is published on $host:$port"
      [[ " gateway prometheus alertmanager jaeger grafana " == *" $name "* ]] || wrong "$name is published (port $port)"
    done < <(look '{{range $p, $all := .NetworkSettings.Ports}}{{range $all}}{{.HostIp}} {{.HostPort}}{{"\n"}}{{end}}{{end}}' "$id")
  done
  ((count > 0)) || wrong "nothing is published"
  # By another address of this machine, as a neighbour in its network would.
  # Neither of the two is on every machine.
  other=$(hostname -I 2>/dev/null | tr ' ' '\n' | grep -v -e '^127\.' -e '^172\.' -e : | head -n 1 || true)
  [[ -n $other ]] || other=$(ipconfig getifaddr en0 2>/dev/null || true)
  if [[ -n $other ]]; then
    for name in SOUK_PORT PROMETHEUS_PORT ALERTMANAGER_PORT JAEGER_PORT; do
      if curl -s --max-time 3 -o /dev/null "http://$other:$(value_of "$name")/"; then
        wrong "$name is open at $other"
      else
        refused=$((refused + 1))
      fi
    done
    other="$refused ports tried at $other, all refused"
  else
    other="this machine has no other address to try"
  fi
  # A container that is not of the stack.
  id=$(docker run --rm -i --label "souk.verify=$PROJECT" --entrypoint bash "$TOOLS" -s <<TEXT
    for to in $(address_in "$(container gateway)" services):8080 $(address_in "$(container order-service)" services):8003 $(address_in "$(container postgres)" postgres):5432 $(address_in "$(container redis)" redis):6379; do
      timeout 2 bash -c "exec 3<>/dev/tcp/\${to%:*}/\${to#*:}" 2>/dev/null && echo "\$to"
    done
    true
TEXT
  )
  [[ -z $id ]] || wrong "a container outside the stack reaches $id"
  saw "$count ports on 127.0.0.1; $other; a foreign container reaches none of gateway, order-service, PostgreSQL, Redis"
}

claim no-way-out 90 "services and stores have no way out to the internet"
claim_no_way_out() {
  local name told out count=0
  # What a container of Docker's ordinary network reaches, by address: names are another matter.
  # shellcheck disable=SC2016 # expanded there
  out=$(docker run --rm --label "souk.verify=$PROJECT" --entrypoint bash "$TOOLS" -c '
    for to in 1.1.1.1/443 8.8.8.8/443 $(getent ahostsv4 deb.debian.org | awk "{ print \$1 \"/80\"; exit }"); do
      timeout 3 bash -c "exec 3<>/dev/tcp/$to" 2>/dev/null && echo "$to" && exit
    done
    true')
  [[ -n $out ]] || skip "no container of this machine reaches the internet, so that nothing is proven by these"
  for name in "${PROGRAMS[@]}" postgres redis; do
    told=$(at "$(container "$name")" <<<"timeout 2 bash -c 'exec 3<>/dev/tcp/$out' 2>/dev/null && echo out; true")
    [[ -z $told ]] || wrong "$name reaches ${out%/*}"
    count=$((count + 1))
  done
  saw "an ordinary container reaches ${out%/*}, $count of the stack do not"
}
