# shellcheck shell=bash
# ./souk logs: what the programs have written, readable.

command_logs() {
  local follow='' lines=50 name names=() files=() known
  open_state
  known="${SERVICES[*]} postgres redis prometheus gateway gateway-access log-keeper supervisord"
  while (($# > 0)); do
    case $1 in
      -f | --follow) follow=-F ;;
      -n) [[ ${2:-} =~ ^[0-9]+$ ]] || usage "logs [SERVICE]... [-f] [-n LINES]"; lines=$2 && shift ;;
      -*) usage "logs [SERVICE]... [-f] [-n LINES]" ;;
      *)
        name=$1
        [[ " $known " != *" $name-service "* ]] || name=$name-service
        [[ " $known " == *" $name "* ]] || fail "there is no log of '$1'; there are: $known"
        names+=("$name")
        ;;
    esac
    shift
  done
  ((${#names[@]} > 0)) || names=("${SERVICES[@]}")
  for name in "${names[@]}"; do
    ! as_runner test -e "$STATE/logs/$name.log" || files+=("$STATE/logs/$name.log")
  done
  ((${#files[@]} > 0)) || fail "nothing has been written yet"
  if [[ -n $follow ]]; then
    as_runner tail -q -n "$((lines / ${#files[@]} + 1))" -F "${files[@]}" 2>/dev/null | readable_log
  else
    # Each line begins with its time, so that sorting puts the files together.
    as_runner tail -q -n "$lines" "${files[@]}" | readable_log | if ((${#files[@]} > 1)); then sort -s -k 1,1; else cat; fi
  fi
}

# JSON lines as "time level service message name=value ..."; other lines as they are.
readable_log() {
  if ! command -v jq >/dev/null; then
    cat
    return
  fi
  # shellcheck disable=SC2016 # jq's variables
  jq -Rr --unbuffered '
    . as $line
    | (try fromjson catch null) as $entry
    | if ($entry | type) == "object" then
        ([$entry.ts, $entry.level, $entry.service, $entry.message] | map(select(. != null)) | join(" "))
        + ($entry | del(.ts, .level, .service, .message) | to_entries
           | map(" \(.key)=\(.value | if type == "string" then . else tojson end)") | join(""))
      else $line end'
}
