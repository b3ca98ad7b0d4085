// The mesh, from Envoy's own statistics (main/istio): not from Istio's, which need a build of Envoy of
// its own. A cluster's name is direction|port|track|host; the track is that of main/canary.

import { ask, dashboard, figure, green, lines, red, row, steps, traces, yellow } from './panels.mjs';

const duration = 'http_server_request_duration_seconds';
// Calls of one sidecar to another, and only those to services.
const calls = 'cluster_name=~"outbound.*-service[.].*"';
// "product-service", and its track if there is one, as labels of the series.
const named = (expr) =>
  `label_replace(label_replace(${expr}, "to", "$1", "cluster_name", "outbound.[0-9]+.[a-z]*.([a-z-]+)[.].*"), "track", "$1", "cluster_name", "outbound.[0-9]+.([a-z]+).*")`;
const perSecond = (selector) => `rate(${selector}[$__rate_interval])`;
const door = 'job="ingress-gateway",http_conn_manager_prefix=~"outbound.*"';

export const mesh = () =>
  dashboard({
    uid: 'souk-mesh',
    title: 'the mesh',
    description:
      'What sidecars and the ingress gateway see: the door, calls between services, breakers, ejected pods, limits, a canary. Empty without main/istio.',
    panels: [
      row('The door'),
      figure({
        title: 'Requests at the door',
        description:
          'Requests a second that the ingress gateway answered. Good: as at this hour on other days. 0 while shoppers shop: they do not get in.',
        unit: 'reqps',
        decimals: 1,
        queries: [ask(`sum(rate(envoy_http_downstream_rq{${door}}[1m]))`)],
      }),
      figure({
        title: 'Failed at the door',
        description:
          'Share of requests that left the ingress gateway as 5xx in five minutes. Good: under 0.1 %. More than the services say themselves: the mesh, not a service, fails; the ingress gateway\'s log has the reason in "flags" and "details".',
        unit: 'percentunit',
        decimals: 2,
        thresholds: steps(green, [0.001, yellow], [0.01, red]),
        queries: [
          ask(
            `(sum(rate(envoy_http_downstream_rq{${door},response_code_class="5xx"}[5m])) or vector(0)) / (sum(rate(envoy_http_downstream_rq{${door}}[5m])) > 0)`,
          ),
        ],
      }),
      figure({
        title: 'Ejected pods',
        description:
          'Pods that some caller leaves out because they gave bad answers. Good: 0. Otherwise look at Ejected pods below for which service, and at that pod.',
        unit: 'short',
        thresholds: steps(green, [1, red]),
        queries: [ask(`sum(envoy_cluster_outlier_detection_ejections_active{${calls}}) or vector(0)`)],
      }),
      figure({
        title: 'Limits that are full',
        description:
          'Limits of connections, requests or waiting requests to a service that are reached now. Good: 0. Otherwise the service behind it is too slow for what is asked of it.',
        unit: 'short',
        thresholds: steps(green, [1, red]),
        queries: [
          ask(
            `sum(envoy_cluster_circuit_breakers_default_rq_open{${calls}} + envoy_cluster_circuit_breakers_default_cx_open{${calls}} + envoy_cluster_circuit_breakers_default_rq_pending_open{${calls}}) or vector(0)`,
          ),
        ],
      }),
      figure({
        title: 'Refused by policy',
        description:
          'Requests in five minutes that no AuthorizationPolicy allows (403). Good: 0. Somebody asks what is not in the table of main/README.md; the access log of the sidecar that refused names the peer.',
        unit: 'short',
        decimals: 0,
        thresholds: steps(green, [1, yellow]),
        queries: [ask('sum(increase(envoy_http_rbac{authz_enforce_result="denied"}[5m])) or vector(0)')],
      }),
      figure({
        title: 'Refused by limits',
        description:
          'Requests in five minutes above a rate limit (429). Good: 0 on a quiet day. Many: a robot, or a limit that is too low.',
        unit: 'short',
        decimals: 0,
        thresholds: steps(green, [1, yellow]),
        queries: [
          ask(
            'sum(increase({__name__=~"envoy_souk_limit_.*_http_local_rate_limit_rate_limited"}[5m])) or vector(0)',
          ),
        ],
      }),
      lines({
        title: 'Answers at the door',
        description: 'By class of status, a second. Good: mostly 2xx; a line of 5xx has its reason in the ingress gateway\'s log.',
        unit: 'reqps',
        stacked: true,
        queries: [
          ask(`sum by (response_code_class) (${perSecond(`envoy_http_downstream_rq{${door}}`)})`, '{{response_code_class}}'),
        ],
      }),
      lines({
        title: 'Time at the door',
        description:
          'How long the ingress gateway took to answer, 50 % and 95 %, open event streams included once they end. Good: a few milliseconds above what the services need.',
        unit: 'ms',
        links: [traces('Slow ones in Jaeger', { service: 'ingress-gateway.souk-ingress', minDuration: '500ms' })],
        queries: [0.5, 0.95].map((q) =>
          ask(
            `histogram_quantile(${q}, sum by (le) (rate(envoy_http_downstream_rq_time_bucket{${door}}[$__rate_interval])))`,
            `${q * 100} %`,
          ),
        ),
      }),
      row('Between services'),
      lines({
        title: 'Calls',
        description: 'Calls a second by who calls and who is called. Good: as at this hour on other days.',
        unit: 'reqps',
        queries: [
          ask(`sum by (job, to) (${named(perSecond(`envoy_cluster_upstream_rq{${calls}}`))})`, '{{job}} to {{to}}'),
        ],
      }),
      lines({
        title: 'Calls answered 5xx',
        description:
          'A second, by who calls and who is called; those that no pod was reached for are among them. Good: none. The services\' own share is on the dashboard of the store.',
        unit: 'reqps',
        queries: [
          ask(
            `sum by (job, to) (${named(perSecond(`envoy_cluster_upstream_rq{${calls},response_code_class="5xx"}`))}) or vector(0)`,
            '{{job}} to {{to}}',
          ),
        ],
      }),
      lines({
        title: 'Time of a call, 95 %',
        description: 'As the caller\'s sidecar measures it, both sidecars and the network included. Good: a few milliseconds.',
        unit: 'ms',
        queries: [
          ask(
            `histogram_quantile(0.95, sum by (job, to, le) (${named(perSecond(`envoy_cluster_upstream_rq_time_bucket{${calls}}`))}))`,
            '{{job}} to {{to}}',
          ),
        ],
      }),
      lines({
        title: 'Repeated and cut off',
        description:
          'Calls a second that a sidecar sent again, and those that were reset. Good: none; some while pods come and go.',
        unit: 'reqps',
        queries: [
          ask(`sum by (job, to) (${named(perSecond(`envoy_cluster_upstream_rq_retry{${calls}}`))}) or vector(0)`, '{{job}} to {{to}}, again'),
          ask(
            `sum by (job, to) (${named(perSecond(`envoy_cluster_upstream_rq_rx_reset{${calls}}`))}) or vector(0)`,
            '{{job}} to {{to}}, reset',
          ),
        ],
      }),
      row('Breakers and ejection'),
      lines({
        title: 'Under way at once',
        description:
          'Requests of each caller that wait for an answer. Good: far below the limit of main/istio/destinations (256; order-service 1,280 with its event streams). A line that rises to its limit: that service has become slow.',
        unit: 'short',
        queries: [
          ask(`sum by (job, pod, to) (${named(`envoy_cluster_upstream_rq_active{${calls}}`)})`, '{{pod}} to {{to}}'),
        ],
      }),
      lines({
        title: 'Refused because a limit was full',
        description:
          'A second. Good: none. These requests were answered 503 at once (flag UO in the access log) instead of waiting.',
        unit: 'reqps',
        queries: [
          ask(
            `sum by (job, to) (${named(perSecond(`envoy_cluster_upstream_rq_pending_overflow{${calls}}`))}) or vector(0)`,
            '{{job}} to {{to}}',
          ),
        ],
      }),
      lines({
        title: 'Ejected pods, by service',
        description:
          'How many pods of a service some caller leaves out. Good: 0. Each sidecar decides by itself; a pod comes back after 15 s, and later each time.',
        unit: 'short',
        decimals: 0,
        queries: [
          ask(
            `max by (job, to) (${named(`envoy_cluster_outlier_detection_ejections_active{${calls}}`)})`,
            '{{to}}, by {{job}}',
          ),
        ],
      }),
      lines({
        title: 'Refused by limits, each',
        description: 'Requests a second above a rate limit of main/istio/rate-limits. Good: none on a quiet day.',
        unit: 'reqps',
        queries: [
          ask(
            'sum by (job) (rate({__name__=~"envoy_souk_limit_.*_http_local_rate_limit_rate_limited"}[$__rate_interval])) or vector(0)',
            '{{job}}',
          ),
        ],
      }),
      row('A canary'),
      lines({
        title: 'Requests by track',
        description:
          'What services with several tracks answered a second, by their own figures: stable, baseline (the old version, as big and as old as the canary) and canary. Without a canary there is only stable.',
        unit: 'reqps',
        queries: [
          ask(
            `sum by (job, track) (rate(${duration}_count{track!="",job=~".*-service",route!~"/metrics|/health.*|/openapi.json"}[$__rate_interval]))`,
            '{{job}} {{track}}',
          ),
        ],
      }),
      lines({
        title: 'Slow and failed by track',
        description:
          'Share of requests above 100 ms, and of those answered 5xx, by track. Good: canary and baseline lie on each other.',
        unit: 'percentunit',
        queries: [
          ask(
            `1 - sum by (job, track) (rate(${duration}_bucket{track=~"baseline|canary|stable",le="0.1",job="product-service",route!~"/metrics|/health.*|/openapi.json"}[$__rate_interval])) / sum by (job, track) (rate(${duration}_count{track=~"baseline|canary|stable",job="product-service",route!~"/metrics|/health.*|/openapi.json"}[$__rate_interval]))`,
            '{{track}}, slow',
          ),
          ask(
            `(sum by (job, track) (rate(${duration}_count{track=~"baseline|canary|stable",job="product-service",status=~"5.."}[$__rate_interval])) or 0 * sum by (job, track) (rate(${duration}_count{track!="",job="product-service"}[$__rate_interval]))) / sum by (job, track) (rate(${duration}_count{track!="",job="product-service"}[$__rate_interval]))`,
            '{{track}}, failed',
          ),
        ],
      }),
      row('The proxies'),
      lines({
        title: 'Memory of the proxies',
        description: 'What each Envoy has allocated. Good: flat, some 20 MB; the limit of the container is far above.',
        unit: 'bytes',
        queries: [ask('max by (job, pod) (envoy_server_memory_allocated)', '{{pod}}')],
      }),
      lines({
        title: 'New TLS connections',
        description:
          'Handshakes a second of calls between sidecars. Good: few, connections are kept; many mean that they are not.',
        unit: 'cps',
        queries: [
          ask(`sum by (job, to) (${named(perSecond(`envoy_cluster_ssl_handshake{${calls}}`))})`, '{{job}} to {{to}}'),
        ],
      }),
    ],
  });
