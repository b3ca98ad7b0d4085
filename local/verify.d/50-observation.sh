# shellcheck shell=bash disable=SC2034,SC2154 # variables of lib.sh and local/verify
# Metrics, dashboards, traces, alerts.

claim targets 90 "Prometheus scrapes every service, the stores and itself"
claim_targets() {
  local name down
  # Who is down after that is named below.
  within 60 no_target_down || true
  down=$(curl -sS --max-time 10 "$PROMETHEUS/api/v1/targets" | jq -r '.data.activeTargets[] | select(.health != "up") | "\(.labels.job) \(.labels.instance): \(.lastError)"')
  [[ -z $down ]] || wrong "not up: $down"
  for name in "${PROGRAMS[@]}" postgres redis prometheus; do
    [[ $(prometheus "count(up{job=~\"$name(-exporter)?\"} == 1)" | jq -r '.[0].value[1] // 0') != 0 ]] || wrong "there is no target for $name"
  done
  [[ $(prometheus pg_up | jq -r '.[0].value[1]') == 1 ]] || wrong "the exporter does not reach PostgreSQL"
  [[ $(prometheus redis_up | jq -r '.[0].value[1]') == 1 ]] || wrong "the exporter does not reach Redis"
  saw "$(prometheus 'count(up == 1)' | jq -r '.[0].value[1]') targets up: $(prometheus 'count by (job) (up)' | jq -r '[.[].metric.job] | sort | join(" ")')"
}
no_target_down() {
  curl -sS --max-time 10 "$PROMETHEUS/api/v1/targets" | jq -e '.data.activeTargets | length > 0 and all(.health == "up")' >/dev/null
}

claim rules 60 "Prometheus has the rules, evaluates them without errors, and knows Alertmanager; each alert has a runbook"
claim_rules() {
  local groups bad runbook count=0
  groups=$(curl -sS --max-time 10 "$PROMETHEUS/api/v1/rules")
  bad=$(jq -r '[.data.groups[].rules[] | select(.health == "err") | "\(.name): \(.lastError)"] | join("; ")' <<<"$groups")
  [[ -z $bad ]] || wrong "$bad"
  while read -r name runbook; do
    count=$((count + 1))
    [[ -n $runbook && $runbook != null ]] || { wrong "the alert $name has no runbook_url" && continue; }
    runbook=${runbook##*docs/operations/runbooks/}
    [[ -s $root/docs/operations/runbooks/${runbook%%#*} ]] || wrong "the runbook of $name, $runbook, is not there"
  done < <(jq -r '.data.groups[].rules[] | select(.type == "alerting") | "\(.name) \(.annotations.runbook_url // .annotations.runbook)"' <<<"$groups")
  ((count > 0)) || wrong "there are no alerts"
  [[ $(curl -sS --max-time 10 "$PROMETHEUS/api/v1/alertmanagers" | jq '.data.activeAlertmanagers | length') == 1 ]] || wrong "Prometheus knows no Alertmanager"
  saw "$count alerts, each with its runbook, and $(jq '[.data.groups[].rules[] | select(.type == "recording")] | length' <<<"$groups") recorded figures"
}

claim trace 180 "one purchase is one trace in Jaeger, through all five services and the payment company"
claim_trace() {
  local said
  [[ -x $here/check-trace ]] || stop "local/check-trace is missing"
  said=$("$here/check-trace" "$STORE" "$JAEGER") || stop "$(tail -n 3 <<<"$said" | tr '\n' ' ')"
  saw "$(tail -n 1 <<<"$said")"
}

# ALERT: is it on its way to somebody?
fires_in_prometheus() {
  curl -sS --max-time 10 "$PROMETHEUS/api/v1/alerts" | jq -e --arg a "$1" '.data.alerts | any(.labels.alertname == $a and .state == "firing")' >/dev/null
}
fires_in_alertmanager() {
  curl -sS --max-time 10 "$ALERTMANAGER/api/v2/alerts?active=true" | jq -e --arg a "$1" 'any(.labels.alertname == $a and .status.state == "active")' >/dev/null
}
fires() { fires_in_prometheus "$1" && fires_in_alertmanager "$1"; }
has_audited() { [[ $(prometheus 'count(souk_audit_violations)' | jq length) == 1 ]]; }
is_quiet() { ! fires_in_prometheus "$1" && ! fires_in_alertmanager "$1"; }

claim alert 900 "payments are made to fail: an alert fires, in Prometheus and Alertmanager; calm again, it resolves"
claim_alert() {
  # Of the alerts on payments, the one whose window is short enough to be watched.
  local alert=CheckoutStepFailing calm from fired
  within 120 is_quiet "$alert" || stop "$alert fires already"
  # The first audit, soon after the start, asks the payment company, too.
  within 120 has_audited || stop "the books were not compared within 120 s"
  become_admin
  calm=$(ask GET /payments/gateway)
  # Whatever becomes of this, the payment company is not left broken.
  # shellcheck disable=SC2064 # as it is now
  trap "become_admin && within 60 ask PUT /payments/gateway '$calm' || true" EXIT
  # It compares what fails with what goes well.
  start_shoppers alert --shoppers 30 --mix buy --think 100ms --duration 700s
  sleep 10
  # Cards are still taken, but no charge is answered.
  ask PUT /payments/gateway "$(jq -c '.unknown_rate = 1' <<<"$calm")" >/dev/null
  from=$SECONDS
  within 300 fires "$alert" || stop "$alert does not fire within 300 s"
  fired=$((SECONDS - from))
  from=$SECONDS
  become_admin
  # While payment-service's breaker is open, this too is refused, but for a probe now and then.
  within 60 ask PUT /payments/gateway "$calm" >/dev/null || stop "the payment company could not be mended within 60 s"
  within 400 is_quiet "$alert" || stop "$alert does not resolve within 400 s"
  saw "$alert fired after $fired s, resolved $((SECONDS - from)) s after payments went well again"
  finish_shoppers alert
}

claim dashboards 300 "every query of every dashboard returns data under load"
claim_dashboards() {
  local said
  [[ -x $here/check-dashboards ]] || stop "local/check-dashboards is missing"
  start_shoppers dashboards --shoppers 15 --duration 240s --admin-password-file /journal/admin-password
  # Rates need two scrapes, and a minute's window something to stand on.
  sleep 60
  said=$("$here/check-dashboards" --wait 90 "$PROMETHEUS" "$JAEGER") || wrong "$(tail -n 8 <<<"$said" | tr '\n' ' ')"
  finish_shoppers dashboards
  saw "$(tail -n 1 <<<"$said")"
}
