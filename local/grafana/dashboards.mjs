// What Souk's dashboards show. The kinds of panels are in panels.mjs; build.mjs writes the files.
//
// Each description says what the panel shows, what good looks like, and what to do when it doesn't.
// Figures that come from a database are the same at all replicas: max over instances, never sum.
// Rates of requests use $__rate_interval; orders are rarer, so theirs use five minutes.

import {
  ask, bars, dashboard, figure, green, lines, red, row, runbookUrl, steps, table, traceTable, traces,
  yellow,
} from './panels.mjs';
import { mesh } from './mesh.mjs';

const duration = 'http_server_request_duration_seconds';
const calls = 'http_client_request_duration_seconds';
const statements = 'db_client_operation_duration_seconds';
// Requests of shoppers and staff: without the operators', and without streams, which last for minutes.
const visits = 'route!~"/metrics|/health.*|/openapi.json|/books|.*/events"';
const rate = (selector, by) => `sum by (${by}) (rate(${selector}[$__rate_interval]))`;
const quantile = (q, selector, by = '', window = '$__rate_interval') =>
  `histogram_quantile(${q}, sum by (${by ? `${by}, ` : ''}le) (rate(${selector}[${window}])))`;
const in5m = (selector, by) => `sum by (${by}) (increase(${selector}[5m]))`;
const inRange = (selector) => `sum(increase(${selector}[$__range]))`;
// The share of `part` in `whole`, 0 where there is no such part, nothing where there is no whole.
const share = (part, whole, by = '') => {
  const of = by ? `sum by (${by})` : 'sum';
  const all = `${of} (rate(${whole}[$__rate_interval]))`;
  return `(${of} (rate(${part}[$__rate_interval])) or 0 * ${all}) / (${all} > 0)`;
};

const slowCheckouts = traces('Slow checkouts in Jaeger', {
  service: 'order-service',
  operation: 'checkout',
  minDuration: '1s',
});
const failedCheckouts = traces('Failed checkouts in Jaeger', {
  service: 'order-service',
  operation: 'checkout',
  tags: 'error=true',
});

const store = () =>
  dashboard({
    uid: 'souk-store',
    title: 'the store at a glance',
    description: 'Is the store selling? Rate, errors and duration for each service, revenue, orders.',
    variables: ['job'],
    panels: [
      figure({
        title: 'Firing alerts',
        description:
          'Alerts that fire now. Good: 0. Otherwise read them below, the page ones first, and follow their runbooks.',
        unit: 'short',
        thresholds: steps(green, [1, red]),
        queries: [ask('count(ALERTS{alertstate="firing"}) or vector(0)')],
      }),
      figure({
        title: 'Requests',
        description:
          'Requests a second to all services, calls between them included. Good: as at this hour on other days; 0 means that nobody reaches the store: look at the gateway.',
        unit: 'reqps',
        decimals: 1,
        runbooks: ['ShoppersGone'],
        queries: [ask(`sum(rate(${duration}_count{${visits}}[1m]))`)],
      }),
      figure({
        title: 'Failed requests',
        description:
          'Share of requests that the five services answered with 5xx. Good: under 0.1 %. Which service and route: below.',
        unit: 'percentunit',
        decimals: 2,
        thresholds: steps(green, [0.001, yellow], [0.01, red]),
        runbooks: ['BrowsingFailing', 'CartsFailing', 'CheckoutFailing'],
        queries: [
          ask(
            `sum(rate(${duration}_count{job=~".*-service",${visits},status=~"5.."}[5m]) or vector(0)) / (sum(rate(${duration}_count{job=~".*-service",${visits}}[5m])) > 0)`,
          ),
        ],
      }),
      figure({
        title: 'Checkout, 95 %',
        description:
          'Time within which 95 % of checkouts are answered. Good: under a second; the slow test card takes longer on purpose. Where the time goes: dashboard checkout.',
        unit: 's',
        thresholds: steps(green, [1, yellow], [3, red]),
        runbooks: ['CheckoutSlow'],
        queries: [
          ask(quantile(0.95, `${duration}_bucket{job="order-service",route="/orders",method="POST"}`, '', '5m')),
        ],
        links: [slowCheckouts],
      }),
      figure({
        title: 'Orders confirmed',
        description: 'Orders confirmed in the time shown. Good: as on other days.',
        unit: 'short',
        decimals: 0,
        runbooks: ['NothingSold'],
        queries: [ask(inRange('souk_orders_total{outcome="confirmed"}'))],
      }),
      figure({
        title: 'Revenue',
        description:
          'Total of the orders confirmed in the time shown, refunds not deducted, in the units of the currency (minor units / 100).',
        unit: 'short',
        decimals: 2,
        named: true,
        queries: [ask('sum by (currency) (increase(souk_revenue_minor_total[$__range])) / 100', '{{currency}}')],
      }),
      row('Services: rate, errors, duration'),
      lines({
        title: 'Requests',
        description:
          'Requests a second for each service. Good: they rise and fall together. One that falls alone is not reached; one that rises alone is asked again and again.',
        unit: 'reqps',
        width: 8,
        queries: [ask(rate(`${duration}_count{job=~"$job",${visits}}`, 'job'), '{{job}}')],
      }),
      lines({
        title: 'Errors',
        description:
          'Share of requests answered with 5xx for each service. Good: 0. The mock gateway fails on purpose for its test cards. Otherwise: the traces of this service with errors, then ./souk logs.',
        unit: 'percentunit',
        width: 8,
        thresholds: steps(green, [0.01, red]),
        links: [
          traces('Its failed requests in Jaeger', {
            service: '${__field.labels.job}',
            tags: 'error=true',
          }),
        ],
        queries: [
          ask(
            share(
              `${duration}_count{job=~"$job",${visits},status=~"5.."}`,
              `${duration}_count{job=~"$job",${visits}}`,
              'job',
            ),
            '{{job}}',
          ),
        ],
      }),
      lines({
        title: 'Duration, 95 %',
        description:
          'Time within which 95 % of requests are answered. Good: reads under 100 ms; order- and payment-service wait for the payment company. Otherwise: the routes below, then the traces.',
        unit: 's',
        width: 8,
        links: [
          traces('Its slow requests in Jaeger', {
            service: '${__field.labels.job}',
            minDuration: '500ms',
          }),
        ],
        queries: [ask(quantile(0.95, `${duration}_bucket{job=~"$job",${visits}}`, 'job'), '{{job}}')],
      }),
      row('Objectives: what shoppers were promised'),
      lines({
        title: 'Failed, of the last hour',
        description:
          'Share of requests that failed within the hour before, for each objective: 99.9 % must not. Good: under the lower line. Above the upper one the budget of a month is gone in two days, and somebody is called.',
        unit: 'percentunit',
        thresholds: steps(green, [0.001, yellow], [0.0144, red]),
        runbooks: ['BrowsingFailing', 'CartsFailing', 'CheckoutFailing'],
        queries: [ask('slo:errors:ratio1h', '{{slo}}')],
      }),
      lines({
        title: 'Too slow, of the last hour',
        description:
          'Share of requests slower than promised: browse 0.1 s for 99 %, carts 0.25 s for 99 %, checkout 2.5 s for 95 %. Good: browse and carts under 1 %, checkout under 5 %.',
        unit: 'percentunit',
        thresholds: steps(green, [0.01, yellow], [0.05, red]),
        runbooks: ['BrowsingSlow', 'CartsSlow', 'CheckoutSlow'],
        queries: [ask('slo:slow:ratio1h', '{{slo}}')],
      }),
      row('Business'),
      lines({
        title: 'Orders by outcome',
        description:
          'Orders that came to rest in the five minutes before. Good: nearly all confirmed. Many declined: the payment company; out-of-stock: the back office, stock.',
        unit: 'short',
        width: 12,
        stacked: true,
        decimals: 1,
        queries: [ask(in5m('souk_orders_total', 'outcome'), '{{outcome}}')],
      }),
      lines({
        title: 'Revenue',
        description:
          'Total of confirmed orders in the hour before, in units of the currency. Good: as on other days at this hour.',
        unit: 'short',
        width: 12,
        decimals: 2,
        queries: [ask('sum by (currency) (increase(souk_revenue_minor_total[1h])) / 100', '{{currency}}')],
      }),
      row('Where to look next'),
      table({
        title: 'Alerts that fire',
        description: 'Good: none. The name leads to its runbook; "page" before "ticket".',
        width: 8,
        height: 9,
        empty: 'no alert fires',
        queries: [ask('sum by (alertname, severity, job) (ALERTS{alertstate="firing"})', 'Series')],
        columnLinks: {
          alertname: [{ title: 'Runbook', url: runbookUrl('${__value.raw}'), targetBlank: true }],
        },
      }),
      table({
        title: 'Routes',
        description:
          'Each route in the last five minutes, slowest first. Good: no failures, and durations that you know. The route leads to its traces.',
        width: 16,
        height: 9,
        sortBy: '95 %',
        units: { 'Requests/s': 'reqps', Failed: 'percentunit', '95 %': 's' },
        limits: { Failed: steps(green, [0.001, yellow], [0.01, red]), '95 %': steps(green, [0.5, yellow], [2, red]) },
        queries: [
          ask(`sum by (job, method, route) (rate(${duration}_count{job=~"$job",${visits}}[5m])) > 0`, 'Requests/s'),
          ask(
            `(sum by (job, method, route) (rate(${duration}_count{job=~"$job",${visits},status=~"5.."}[5m])) or 0 * sum by (job, method, route) (rate(${duration}_count{job=~"$job",${visits}}[5m]))) / (sum by (job, method, route) (rate(${duration}_count{job=~"$job",${visits}}[5m])) > 0)`,
            'Failed',
          ),
          ask(`${quantile(0.95, `${duration}_bucket{job=~"$job",${visits}}`, 'job, method, route', '5m')} >= 0`, '95 %'),
        ],
        columnLinks: {
          route: [
            traces('Its traces in Jaeger', {
              service: '${__data.fields.job}',
              operation: '${__data.fields.method} ${__value.raw}',
            }),
          ],
        },
      }),
    ],
  });

const checkout = () =>
  dashboard({
    uid: 'souk-checkout',
    title: 'checkout',
    description: 'From the cart to the confirmed order: where shoppers are lost, where time goes, what is stuck.',
    panels: [
      figure({
        title: 'Confirmed',
        description:
          'Share of the orders that came to rest in the last 15 minutes which were confirmed. Good: above 80 %; what the others came to is below.',
        unit: 'percentunit',
        decimals: 1,
        thresholds: steps(red, [0.5, yellow], [0.8, green]),
        queries: [
          ask(
            'sum(increase(souk_orders_total{outcome="confirmed"}[15m])) / (sum(increase(souk_orders_total{outcome!="cancelled"}[15m])) > 0)',
          ),
        ],
      }),
      figure({
        title: 'Answered with 5xx',
        description:
          'Share of POST /orders answered with 5xx in the last five minutes. Good: 0. A 503 is a refusal because a service or the database is away: see processes.',
        unit: 'percentunit',
        decimals: 2,
        thresholds: steps(green, [0.001, yellow], [0.01, red]),
        links: [failedCheckouts],
        runbooks: ['CheckoutFailing'],
        queries: [
          ask(
            `(sum(rate(${duration}_count{route="/orders",method="POST",status=~"5.."}[5m])) or vector(0)) / (sum(rate(${duration}_count{route="/orders",method="POST"}[5m])) > 0)`,
          ),
        ],
      }),
      figure({
        title: 'Oldest unfinished order',
        description:
          'Age of the oldest order that is not at rest. Good: seconds. Minutes: a step is repeated because its service does not answer; see steps and states below.',
        unit: 's',
        thresholds: steps(green, [60, yellow], [300, red]),
        runbooks: ['CheckoutStuck', 'MoneyWithoutOrder'],
        queries: [ask('max(souk_orders_oldest_seconds)')],
      }),
      figure({
        title: 'Orders for a person',
        description:
          'Orders whose step failed so often that a person should look; they are still repeated. Good: 0. The back office lists them.',
        unit: 'short',
        thresholds: steps(green, [1, red]),
        runbooks: ['OrdersNeedAttention'],
        queries: [ask('max(souk_orders_needing_attention)')],
      }),
      figure({
        title: 'Violations of the books',
        description:
          'What the last audit found: orders, stock, payments and the payment company contradict each other. Good: 0. Otherwise ./souk audit names each.',
        unit: 'short',
        thresholds: steps(green, [1, red]),
        runbooks: ['AuditViolations'],
        queries: [ask('max(souk_audit_violations)')],
      }),
      figure({
        title: 'Last audit',
        description:
          'Time since the books were last compared to the end. Good: under half an hour (AUDIT_INTERVAL_MS is ten minutes).',
        unit: 's',
        decimals: 0,
        thresholds: steps(green, [1800, yellow], [3600, red]),
        runbooks: ['AuditNotSucceeding'],
        queries: [ask('time() - max(souk_audit_last_success_timestamp_seconds)')],
      }),
      row('The funnel'),
      bars({
        title: 'From cart to confirmed',
        description:
          'How often each stage was passed in the time shown. Good: from "order placed" on, bars of nearly the same length. Where they get short is where orders are lost. Checkouts can exceed orders: refusals and repeats count.',
        unit: 'short',
        decimals: 0,
        queries: [
          ask(inRange('http_server_request_duration_seconds_count{route="/cart/{user_id}/items",method="POST",status="200"}'), '1 put in the cart'),
          ask(inRange('http_server_request_duration_seconds_count{job="order-service",route="/orders",method="POST"}'), '2 checkout asked for'),
          ask(inRange('souk_saga_steps_total{step="reserve",outcome=~"held|none"}'), '3 order placed'),
          ask(inRange('souk_saga_steps_total{step="reserve",outcome="held"}'), '4 stock held'),
          ask(inRange('souk_saga_steps_total{step="authorize",outcome="authorized"}'), '5 payment authorized'),
          ask(inRange('souk_saga_steps_total{step="commit",outcome="committed"}'), '6 stock sold'),
          ask(inRange('souk_saga_steps_total{step="capture",outcome="captured"}'), '7 money captured'),
          ask(inRange('souk_orders_total{outcome="confirmed"}'), '8 confirmed'),
        ],
      }),
      bars({
        title: 'What orders came to',
        description:
          'Orders that came to rest in the time shown, by outcome. Good: few but confirmed. payment-declined: shoppers\' cards; payment-refused: refused at capture; out-of-stock: carts outlive stock; hold-expired: payment took longer than the hold.',
        unit: 'short',
        decimals: 0,
        queries: [ask('sort_desc(sum by (outcome) (increase(souk_orders_total[$__range])))', '{{outcome}}')],
      }),
      lines({
        title: 'Answers to checkouts',
        description:
          'POST /orders by status. 201 confirmed, 202 still going on, 402 declined, 409 the cart or stock has changed, 429 too many, 503 refused. Good: mostly 201.',
        unit: 'reqps',
        stacked: true,
        links: [failedCheckouts],
        queries: [ask(rate(`${duration}_count{job="order-service",route="/orders",method="POST"}`, 'status'), '{{status}}')],
      }),
      lines({
        title: 'Time of a checkout',
        description:
          'From request to answer. Good: half within 100 ms, 95 % within a second. The points above lead to the slow ones in Jaeger.',
        unit: 's',
        thresholds: steps(green, [1, yellow], [3, red]),
        links: [slowCheckouts],
        runbooks: ['CheckoutSlow'],
        queries: [0.5, 0.95, 0.99].map((q) =>
          ask(quantile(q, `${duration}_bucket{job="order-service",route="/orders",method="POST"}`, '', '5m'), `${q * 100} %`),
        ),
      }),
      row('The steps'),
      lines({
        title: 'Time in each step, 95 %',
        description:
          'Time of each step\'s call to another service. Good: authorize and capture wait for the payment company, all others take milliseconds. A line leads to the slow ones of its step in Jaeger.',
        unit: 's',
        links: [
          traces('Slow ones of this step in Jaeger', {
            service: 'order-service',
            operation: 'checkout ${__field.labels.step}',
            minDuration: '500ms',
          }),
        ],
        queries: [ask(quantile(0.95, 'souk_saga_step_duration_seconds_bucket', 'step', '5m'), '{{step}}')],
      }),
      lines({
        title: 'Steps without an answer',
        description:
          'Steps of which it is not known what came, in five minutes; each is repeated with growing pauses, for ever. Good: 0. Otherwise the service that the step asks is away or slow: reserve, commit, restock ask inventory; authorize, capture, refund ask payment; clear_cart asks cart.',
        unit: 'short',
        decimals: 1,
        thresholds: steps(green, [10, red]),
        links: [
          traces('Failed ones of this step in Jaeger', {
            service: 'order-service',
            operation: 'checkout ${__field.labels.step}',
            tags: 'error=true',
          }),
        ],
        runbooks: ['CheckoutStepFailing'],
        queries: [
          ask(
            `${in5m('souk_saga_steps_total{outcome="failed"}', 'step')} or 0 * ${in5m('souk_saga_steps_total', 'step')}`,
            '{{step}}',
          ),
        ],
      }),
      lines({
        title: 'Compensations',
        description:
          'What was undone in five minutes: holds released, payments voided, stock returned; refund and restock belong to cancellations and refunds. Good: a small share of the orders. A rise without declined cards: capture is refused, or holds expire.',
        unit: 'short',
        decimals: 1,
        stacked: true,
        queries: [
          ask(
            in5m('souk_saga_steps_total{step=~"void_payment|release_stock|return_stock|refund|restock"}', 'step'),
            '{{step}}',
          ),
        ],
      }),
      lines({
        title: 'Orders not at rest',
        description:
          'Orders under way, by state. Good: a handful, come and gone within seconds. A state that fills up: the step after it gets no answer.',
        unit: 'short',
        decimals: 0,
        stacked: true,
        runbooks: ['CheckoutStuck', 'MoneyWithoutOrder'],
        queries: [
          ask('max by (state) (souk_orders{state!~"confirmed|shipped|delivered|rejected|cancelled"})', '{{state}}'),
        ],
      }),
      row('What waits, and the traces'),
      lines({
        title: 'Age of the oldest order in each state',
        description:
          'Good: under a minute. The alert comes after five. Its traces: Jaeger, tag order.id=..., also of the resumed parts.',
        unit: 's',
        thresholds: steps(green, [300, red]),
        runbooks: ['CheckoutStuck', 'MoneyWithoutOrder'],
        queries: [ask('max by (state) (souk_orders_oldest_seconds)', '{{state}}')],
      }),
      lines({
        title: 'Outbox',
        description:
          'Opening stock which product-service has yet to hand to inventory, and how old the oldest is. Good: 0 and 0 s but during an import. Otherwise inventory-service does not take it; nothing is lost.',
        unit: 's',
        runbooks: ['OutboxBehind', 'OutboxRefused'],
        queries: [
          ask('max(souk_outbox_lag_seconds)', 'age of the oldest'),
          ask('max(souk_outbox_pending)', 'messages (number)'),
        ],
      }),
      traceTable({
        title: 'Slow checkouts',
        description:
          'Traces of checkouts that took more than a second, from Jaeger. Good: none but those with the slow test card. The id leads to the trace: the longest span without children is what took the time.',
        empty: 'no checkout took more than a second',
        search: { service: 'order-service', operation: 'checkout', minDuration: '1s' },
      }),
      traceTable({
        title: 'Checkouts with an error',
        description:
          'Traces with a failed step, from Jaeger. Good: none. Test cards that fail on purpose are among them.',
        empty: 'no checkout had an error',
        search: { service: 'order-service', operation: 'checkout', tags: 'error=true' },
      }),
    ],
  });

const stock = () =>
  dashboard({
    uid: 'souk-stock-payments',
    title: 'inventory and payments',
    description: 'Is there something to sell, and does the money come in?',
    panels: [
      figure({
        title: 'Sold out',
        description: 'Products that sold in the last day and have nothing available. Good: 0. Otherwise: restock.',
        unit: 'short',
        thresholds: steps(green, [1, yellow], [5, red]),
        runbooks: ['StockSoldOut'],
        queries: [ask('max(souk_stock_sold_out)')],
      }),
      figure({
        title: 'Nearly gone',
        description:
          'Products whose available stock is below what the last day sold: gone within a day. Good: 0. The back office, stock, lists them.',
        unit: 'short',
        thresholds: steps(green, [1, yellow], [20, red]),
        runbooks: ['StockNearlyGone'],
        queries: [ask('max(souk_stock_nearly_gone)')],
      }),
      figure({
        title: 'Overdue holds',
        description:
          'Holds that should have ended a minute ago or earlier. Good: 0. Otherwise the sweeper of inventory-service does not work, and stock is withheld from shoppers.',
        unit: 'short',
        thresholds: steps(green, [1, red]),
        runbooks: ['HoldsOverdue'],
        queries: [ask('max(souk_reservations_overdue)')],
      }),
      figure({
        title: 'Payments unsettled',
        description:
          'Payments and refunds of which it is not known what the payment company did; asked again until it answers. Good: 0 to a few, for seconds.',
        unit: 'short',
        thresholds: steps(green, [5, yellow], [20, red]),
        runbooks: ['PaymentOutcomeUnknown'],
        queries: [ask('max(souk_payments_unsettled)')],
      }),
      figure({
        title: 'Oldest unsettled',
        description:
          'Age of the oldest payment or refund of unknown outcome. Good: under a minute. Minutes: the payment company is away.',
        unit: 's',
        thresholds: steps(green, [60, yellow], [300, red]),
        runbooks: ['PaymentOutcomeUnknown'],
        queries: [ask('max(souk_payments_unsettled_oldest_seconds)')],
      }),
      figure({
        title: 'Payments for a person',
        description: 'Unsettled after many attempts. Good: 0. The back office, payments, shows what was asked and answered.',
        unit: 'short',
        thresholds: steps(green, [1, red]),
        runbooks: ['PaymentsNeedAttention'],
        queries: [ask('max(souk_payments_needing_attention)')],
      }),
      row('Inventory'),
      lines({
        title: 'Reservations asked',
        description:
          'Holds, sales, releases and returns asked of inventory-service. Good: commits follow reservations closely; releases and returns are few.',
        unit: 'reqps',
        queries: [ask(rate(`${duration}_count{job="inventory-service",route=~"/reservations.*",method="POST"}`, 'route'), '{{route}}')],
      }),
      lines({
        title: 'Time of a reservation, 95 %',
        description:
          'Good: under 50 ms. Longer: many orders for the same product wait for its row (contention), or PostgreSQL is slow: data stores.',
        unit: 's',
        thresholds: steps(green, [0.25, yellow], [1, red]),
        links: [
          traces('Slow reservations in Jaeger', {
            service: 'inventory-service',
            operation: 'POST /reservations',
            minDuration: '100ms',
          }),
        ],
        queries: [ask(quantile(0.95, `${duration}_bucket{job="inventory-service",route=~"/reservations.*",method="POST"}`, 'route', '5m'), '{{route}}')],
      }),
      lines({
        title: 'Holds that ended unused',
        description:
          'Out of stock at checkout and holds that expired (15 minutes) in five minutes. Good: nearly 0. Expired: checkouts hang between reserving and paying.',
        unit: 'short',
        decimals: 1,
        queries: [
          ask('sum(increase(souk_reservations_total{outcome="expired"}[5m]))', 'hold expired'),
          ask('sum(increase(souk_saga_steps_total{step="reserve",outcome="none"}[5m])) or vector(0)', 'out of stock'),
        ],
      }),
      lines({
        title: 'Stock that sells',
        description: 'Products of the last day\'s sales that are gone or nearly gone. Good: a line near 0 that falls after each delivery.',
        unit: 'short',
        decimals: 0,
        runbooks: ['StockNearlyGone'],
        queries: [ask('max(souk_stock_nearly_gone)', 'nearly gone'), ask('max(souk_stock_sold_out)', 'sold out')],
      }),
      row('Payments'),
      lines({
        title: 'Payments and refunds by state reached',
        description:
          'In five minutes. Good: captured follows authorized; declined a few percent. Voided: authorized but the order failed. Refunded: cancellations and returns.',
        unit: 'short',
        decimals: 1,
        queries: [ask(in5m('souk_payments_total', 'state'), '{{state}}')],
      }),
      lines({
        title: 'Declined',
        description:
          'Share of authorizations that the payment company declined in 15 minutes. Good: under 10 %, steady. A jump: a card network or our account there; ask them.',
        unit: 'percentunit',
        max: 1,
        thresholds: steps(green, [0.3, yellow], [0.6, red]),
        runbooks: ['PaymentsDeclined'],
        queries: [
          ask(
            '(sum(increase(souk_payments_total{state="declined"}[15m])) or vector(0)) / (sum(increase(souk_payments_total{state=~"declined|authorized"}[15m])) > 0)',
            'declined',
          ),
        ],
      }),
      lines({
        title: 'Calls to the payment company',
        description:
          'By outcome. Good: all ok. "failed" or "late": each leaves an outcome unknown and is repeated under the same reference, nobody is charged twice.',
        unit: 'reqps',
        stacked: true,
        runbooks: ['PaymentOutcomeUnknown'],
        links: [
          traces('Failed calls in Jaeger', {
            service: 'payment-service',
            operation: 'POST gateway',
            tags: 'error=true',
          }),
        ],
        queries: [ask(rate(`${calls}_count{upstream="gateway"}`, 'outcome'), '{{outcome}}')],
      }),
      lines({
        title: 'Time of the payment company',
        description:
          'Good: 95 % within a second. At four seconds payment-service gives up and the outcome is unknown.',
        unit: 's',
        thresholds: steps(green, [1, yellow], [4, red]),
        queries: [0.5, 0.95].map((q) => ask(quantile(q, `${calls}_bucket{upstream="gateway"}`, '', '5m'), `${q * 100} %`)),
      }),
      lines({
        title: 'Unsettled',
        description:
          'Payments and refunds of unknown outcome, and the age of the oldest. Good: both near 0. Rising together: the payment company does not answer.',
        unit: 'short',
        decimals: 0,
        runbooks: ['PaymentOutcomeUnknown'],
        queries: [
          ask('max(souk_payments_unsettled)', 'unsettled'),
          ask('max(souk_payments_unsettled_oldest_seconds)', 'age of the oldest (s)'),
        ],
      }),
      figure({
        title: 'Breaker to the payment company',
        description:
          'Closed: calls go through. Open: it failed so often that calls are refused at once and tried again after a pause. Good: closed.',
        width: 12,
        height: 8,
        unit: 'short',
        mappings: { 0: ['closed', green], 1: ['half open', yellow], 2: ['open', red] },
        runbooks: ['BreakerOpen'],
        queries: [ask('max(souk_breaker_state{upstream="gateway"})')],
      }),
    ],
  });

const data = () =>
  dashboard({
    uid: 'souk-data',
    title: 'data stores',
    description: 'PostgreSQL and Redis, as they see themselves and as the services see them.',
    panels: [
      figure({
        title: 'PostgreSQL',
        description:
          'Whether the exporter reaches PostgreSQL. Good: up. Down: nothing can be ordered; docker compose logs postgres.',
        unit: 'short',
        mappings: { 0: ['down', red], 1: ['up', green] },
        runbooks: ['PostgresDown'],
        queries: [ask('min(pg_up)')],
      }),
      figure({
        title: 'Connections',
        description:
          'Connections in use of those allowed. Good: under 70 %. Each replica of a service takes DATABASE_POOL (10).',
        unit: 'percentunit',
        thresholds: steps(green, [0.7, yellow], [0.9, red]),
        runbooks: ['PostgresConnectionsHigh'],
        queries: [ask('sum(pg_stat_activity_count) / min(pg_settings_max_connections)')],
      }),
      figure({
        title: 'Longest transaction',
        description:
          'Age of the oldest open transaction. Good: under a minute, but for imports and backups. Older ones hold locks and keep rows from being cleaned up.',
        unit: 's',
        thresholds: steps(green, [60, yellow], [600, red]),
        runbooks: ['PostgresLongTransaction'],
        queries: [ask('max(pg_stat_activity_max_tx_duration{datname!=""})')],
      }),
      figure({
        title: 'Redis',
        description: 'Whether the exporter reaches Redis. Good: up. Down: no carts, so nothing new can be bought.',
        unit: 'short',
        mappings: { 0: ['down', red], 1: ['up', green] },
        runbooks: ['RedisDown'],
        queries: [ask('min(redis_up)')],
      }),
      figure({
        title: 'Redis memory',
        description:
          'Memory used of what it may use. Good: under 70 %. When full, new items are refused (nothing is ever thrown away).',
        unit: 'percentunit',
        thresholds: steps(green, [0.7, yellow], [0.9, red]),
        runbooks: ['RedisMemoryHigh'],
        queries: [ask('max(redis_memory_used_bytes) / (max(redis_memory_max_bytes) > 0)')],
      }),
      figure({
        title: 'Redis on disk',
        description:
          'Whether the last write of the append-only file succeeded. Good: ok. Failed: Redis refuses writes; most often the disk is full.',
        unit: 'short',
        mappings: { 0: ['failed', red], 1: ['ok', green] },
        runbooks: ['RedisWritesFailing'],
        queries: [ask('min(redis_aof_last_write_status)')],
      }),
      row('As the services see them'),
      lines({
        title: 'Slowest statements, 95 %',
        description:
          'The ten slowest of all statements and Redis scripts, by the names they have in repository.cpp and in traces. Good: under 100 ms, but for the audit\'s and the import\'s.',
        unit: 's',
        links: [
          traces('Slow ones of this statement in Jaeger', {
            service: '${__field.labels.job}',
            operation: '${__field.labels.statement}',
            minDuration: '50ms',
          }),
        ],
        queries: [
          ask(`topk(10, ${quantile(0.95, `${statements}_bucket`, 'job, statement', '5m')} >= 0)`, '{{statement}} ({{job}})'),
        ],
      }),
      lines({
        title: 'Statements that did not succeed',
        description:
          'By what became of them. Good: 0. unavailable: no connection; late: no answer in time; unknown: the connection broke in the middle; refused: a constraint or a lock.',
        unit: 'short',
        stacked: true,
        queries: [
          ask(
            `sum by (db, outcome) (increase(${statements}_count{outcome!="ok"}[5m])) or 0 * sum by (db, outcome) (increase(${statements}_count{outcome="ok"}[5m]))`,
            '{{db}} {{outcome}}',
          ),
        ],
      }),
      lines({
        title: 'Statements',
        description: 'Statements a second for each service. Good: in step with its requests. Much more for the same requests: a loop.',
        unit: 'ops',
        queries: [ask(rate(`${statements}_count`, 'job, db'), '{{job}} {{db}}')],
      }),
      lines({
        title: 'Pools',
        description:
          'Connections of each service\'s pool that are in use. Good: below DATABASE_POOL (10) for each replica. At the limit: requests wait for a connection; look at the slowest statements.',
        unit: 'short',
        decimals: 0,
        thresholds: steps(green, [10, red]),
        queries: [ask('max by (job, instance) (db_client_connections{state="used"})', '{{job}} {{instance}}')],
      }),
      row('PostgreSQL'),
      lines({
        title: 'Transactions',
        description:
          'Commits a second for each database. Good: in step with requests. Rollbacks are reads too: a reading transaction ends with one.',
        unit: 'ops',
        queries: [
          ask('sum by (datname) (rate(pg_stat_database_xact_commit{datname!~"template.*|postgres|"}[$__rate_interval]))', '{{datname}} commit'),
          ask('sum by (datname) (rate(pg_stat_database_xact_rollback{datname!~"template.*|postgres|"}[$__rate_interval]))', '{{datname}} rollback'),
        ],
      }),
      lines({
        title: 'Connections by state',
        description: 'Good: mostly idle, under the limit. "idle in transaction" that stays: a client that hangs; it is ended after a while.',
        unit: 'short',
        decimals: 0,
        stacked: true,
        queries: [ask('sum by (state) (pg_stat_activity_count)', '{{state}}')],
      }),
      lines({
        title: 'Read from memory',
        description:
          'Share of blocks found in shared buffers. Good: above 99 %. Less for long: more memory for PostgreSQL.',
        unit: 'percentunit',
        max: 1,
        queries: [
          ask(
            'sum by (datname) (rate(pg_stat_database_blks_hit{datname!~"template.*|postgres|"}[5m])) / (sum by (datname) (rate(pg_stat_database_blks_hit{datname!~"template.*|postgres|"}[5m]) + rate(pg_stat_database_blks_read{datname!~"template.*|postgres|"}[5m])) > 0)',
            '{{datname}}',
          ),
        ],
      }),
      lines({
        title: 'Size',
        description: 'Size of each database on disk. Good: grows slowly with the orders. Compare with the room on the volume.',
        unit: 'bytes',
        queries: [ask('max by (datname) (pg_database_size_bytes{datname!~"template.*|postgres"})', '{{datname}}')],
      }),
      lines({
        title: 'Volumes',
        description:
          'In Kubernetes: what each database takes and its log may take, of its volume. Good: under 75 %. Full: nothing can be written; make the volume larger.',
        unit: 'percentunit',
        max: 1,
        thresholds: steps(green, [0.75, yellow], [0.9, red]),
        runbooks: ['DatabaseVolumeFilling'],
        empty: 'only in Kubernetes',
        queries: [ask('container:database_volume_used:ratio', '{{container}}-db')],
      }),
      lines({
        title: 'Age of the last backup',
        description:
          'In Kubernetes: since the last backup that succeeded. Good: falls to 0 each night. Above a day: the last one failed, or there was none.',
        unit: 's',
        thresholds: steps(green, [26 * 3600, red]),
        runbooks: ['BackupOverdue'],
        empty: 'none yet, or not in Kubernetes',
        queries: [ask('time() - max by (cronjob) (kube_cronjob_status_last_successful_time{cronjob="backup"})', '{{cronjob}}')],
      }),
      lines({
        title: 'Deadlocks and conflicts',
        description: 'In five minutes. Good: 0. Statements lock in one order everywhere, so a deadlock is a bug: the PostgreSQL log names both statements.',
        unit: 'short',
        decimals: 0,
        thresholds: steps(green, [1, red]),
        queries: [
          ask('sum by (datname) (increase(pg_stat_database_deadlocks{datname!~"template.*|postgres|"}[5m]))', '{{datname}}'),
        ],
      }),
      lines({
        title: 'Locks',
        description: 'Locks held, by kind. Good: a few, come and gone. An accessexclusivelock that stays stops a whole table: a migration or a manual change.',
        unit: 'short',
        decimals: 0,
        queries: [ask('sum by (mode) (pg_locks_count{datname!~"template.*|postgres"}) > 0 or sum(pg_locks_count) * 0', '{{mode}}')],
      }),
      row('Redis'),
      lines({
        title: 'Commands',
        description: 'Commands a second and the time Redis spends on one. Good: microseconds; scripts (evalsha) are the carts\' changes.',
        unit: 'ops',
        queries: [ask('topk(8, sum by (cmd) (rate(redis_commands_total[5m])))', '{{cmd}}')],
      }),
      lines({
        title: 'Memory',
        description: 'Used by data, and the limit. Good: well below the limit; carts expire after 30 days.',
        unit: 'bytes',
        queries: [ask('max(redis_memory_used_bytes)', 'used'), ask('max(redis_memory_max_bytes)', 'limit')],
      }),
      lines({
        title: 'Carts',
        description: 'Keys in Redis: a cart each, and a few for sign-in attempts. Good: grows with shoppers, falls as carts expire.',
        unit: 'short',
        decimals: 0,
        queries: [ask('max by (db) (redis_db_keys) > 0 or max(redis_db_keys) * 0', '{{db}}')],
      }),
      lines({
        title: 'Evicted keys and refused connections',
        description: 'In five minutes. Good: 0, always: an evicted key is a lost cart (the policy is noeviction).',
        unit: 'short',
        decimals: 0,
        thresholds: steps(green, [1, red]),
        queries: [
          ask('sum(increase(redis_evicted_keys_total[5m]))', 'evicted'),
          ask('sum(increase(redis_rejected_connections_total[5m]))', 'refused'),
        ],
      }),
    ],
  });

const processes = () => {
  const these = 'job=~"$job",instance=~"$instance"';
  return dashboard({
    uid: 'souk-processes',
    title: 'processes',
    description: 'What each process of the store uses, and whom it can reach.',
    variables: ['job', 'instance'],
    panels: [
      table({
        title: 'What runs',
        description:
          'Every process, its version, and for how long it has run. Good: one version, or two while rolling out; ages that only grow. A young process that nobody started has died before: ./souk logs.',
        width: 12,
        hide: { service: true },
        units: { Age: 's' },
        limits: { Age: steps(yellow, [300, green]) },
        queries: [
          ask(`sum by (job, instance, version) (souk_build_info{${these}})`, 'Processes'),
          ask(`sum by (job, instance) (time() - process_start_time_seconds{${these}})`, 'Age'),
        ],
      }),
      lines({
        title: 'Starts',
        description: 'Processes started in five minutes. Good: 0 outside of roll-outs. Again and again: it dies at once; its last log lines say why.',
        unit: 'short',
        decimals: 0,
        thresholds: steps(green, [1, red]),
        runbooks: ['ServiceDown', 'ServiceRestarting'],
        queries: [ask(`sum by (job) (changes(process_start_time_seconds{${these}}[5m]))`, '{{job}}')],
      }),
      row('Resources'),
      lines({
        title: 'Memory',
        description: 'Resident memory. Good: flat after warming up, tens of MB. Growing for hours: a leak; restart the process, keep the graph.',
        unit: 'bytes',
        queries: [ask(`process_resident_memory_bytes{${these}}`, '{{job}} {{instance}}')],
      }),
      lines({
        title: 'CPU',
        description: 'Cores used. A process has THREADS (1) event loops: at 1 it is full. Good: under 0.7. Then: more replicas, or THREADS.',
        unit: 'short',
        decimals: 2,
        thresholds: steps(green, [0.7, yellow], [0.95, red]),
        queries: [ask(`rate(process_cpu_seconds_total{${these}}[$__rate_interval])`, '{{job}} {{instance}}')],
      }),
      lines({
        title: 'Event-loop delay, 99 %',
        description:
          'How much later than asked for a timer came. Good: under 10 ms. More: something holds the loop, or the machine has no CPU left; every request of this process waits that long.',
        unit: 's',
        thresholds: steps(green, [0.01, yellow], [0.1, red]),
        runbooks: ['EventLoopDelayed'],
        queries: [ask(quantile(0.99, `souk_event_loop_delay_seconds_bucket{${these}}`, 'job, instance', '5m'), '{{job}} {{instance}}')],
      }),
      lines({
        title: 'Open files',
        description: 'Share of the allowed file descriptors (connections are most of them). Good: under 50 %.',
        unit: 'percentunit',
        thresholds: steps(green, [0.5, yellow], [0.8, red]),
        queries: [ask(`process_open_fds{${these}} / process_max_fds{${these}}`, '{{job}} {{instance}}')],
      }),
      row('Work and connections'),
      lines({
        title: 'Requests under way',
        description: 'Requests that are being answered now. Good: a few. Above 256 (MAX_CONCURRENT_REQUESTS) more are refused with 503.',
        unit: 'short',
        decimals: 0,
        thresholds: steps(green, [200, red]),
        runbooks: ['RequestsRefused'],
        queries: [ask(`http_server_active_requests{${these}}`, '{{job}} {{instance}}')],
      }),
      lines({
        title: 'Database connections',
        description: 'Of the pool: used, idle, and shared ones. Good: some idle. None idle for long: requests wait; see data stores.',
        unit: 'short',
        decimals: 0,
        queries: [ask(`sum by (job, state) (db_client_connections{${these}})`, '{{job}} {{state}}')],
      }),
      table({
        title: 'Breakers',
        description:
          'Whom a process calls, and whether it still does: 0 closed, 1 half open, 2 open (calls are refused at once for a while). Good: 0. Otherwise look at the service that is called.',
        sortBy: 'State',
        units: { State: 'short' },
        limits: { State: steps(green, [1, yellow], [2, red]) },
        runbooks: ['BreakerOpen'],
        queries: [ask(`max by (job, instance, upstream) (souk_breaker_state{${these}})`, 'State')],
      }),
      lines({
        title: 'Calls to other services, 95 %',
        description: 'With their repeats. Good: milliseconds, but to the payment company (gateway).',
        unit: 's',
        links: [
          traces('Slow ones in Jaeger', { service: '${__field.labels.job}', minDuration: '500ms' }),
        ],
        queries: [ask(quantile(0.95, `${calls}_bucket{${these}}`, 'job, upstream', '5m'), '{{job}} to {{upstream}}')],
      }),
      lines({
        title: 'Calls that failed',
        description: 'Share of calls to another service without a good answer. Good: 0; the test cards of the mock gateway fail on purpose.',
        unit: 'percentunit',
        thresholds: steps(green, [0.05, red]),
        queries: [
          ask(
            share(`${calls}_count{${these},outcome!="ok"}`, `${calls}_count{${these}}`, 'job, upstream'),
            '{{job}} to {{upstream}}',
          ),
        ],
      }),
      lines({
        title: 'Catalogue cache',
        description:
          'How product-service answered: from memory (hit), by waiting for the same read (shared), from PostgreSQL (miss). Good: mostly hits under load. Few hits while nobody edits: the listener is away.',
        unit: 'reqps',
        stacked: true,
        queries: [ask('sum by (outcome) (rate(souk_catalogue_cache_total[$__rate_interval]))', '{{outcome}}')],
      }),
      row('Observability itself'),
      lines({
        title: 'Lost spans and log lines',
        description:
          'Dropped in five minutes, because Jaeger or the reader of the logs did not keep up. Good: 0. Shoppers notice nothing, but traces have holes.',
        unit: 'short',
        decimals: 0,
        thresholds: steps(green, [1, red]),
        runbooks: ['TelemetryDropped'],
        queries: [
          ask(`sum by (job) (increase(souk_spans_dropped_total{${these}}[5m]))`, '{{job}} spans'),
          ask(`sum by (job) (increase(souk_log_lines_dropped_total{${these}}[5m]))`, '{{job}} lines'),
        ],
      }),
      figure({
        title: 'Catalogue listener',
        description:
          'Whether every product-service hears of changes to the catalogue. Good: connected. Lost: prices and texts may be seconds old; purchases never are.',
        width: 6,
        height: 8,
        unit: 'short',
        mappings: { 0: ['lost', red], 1: ['connected', green] },
        runbooks: ['CatalogueNotNotified'],
        queries: [ask('min(souk_catalogue_listener_connected)')],
      }),
      figure({
        title: 'Targets down',
        description: 'What Prometheus cannot scrape. Good: 0. Its page Status, Targets says why.',
        width: 6,
        height: 8,
        unit: 'short',
        thresholds: steps(green, [1, red]),
        runbooks: ['ScrapeFailing', 'TargetsGone'],
        queries: [ask('count(up == 0) or vector(0)')],
      }),
    ],
  });
};

export const dashboards = () => [store(), checkout(), stock(), data(), processes(), mesh()];
