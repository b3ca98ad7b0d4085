// Figures from Prometheus' answers, put where the map shows them.

import { services, type ServiceName } from '../api/types';
import { edges, type EdgeId, type NodeId } from './topology';

// One series of an instant query, or of one over the last half hour.
export interface Series {
  metric: Record<string, string>;
  value?: [number, string];
  values?: [number, string][];
}

export interface PrometheusAnswer {
  status: string;
  data: { resultType: string; result: Series[] };
}

// A number, or nothing where Prometheus has none ("NaN": no traffic).
export function numberOf(text: string | undefined): number | undefined {
  const n = text === undefined ? NaN : Number(text);
  return Number.isFinite(n) ? n : undefined;
}

// All undefined: not known. Errors are requests a second, like the rate; durations are seconds.
export interface Figures {
  rate: number | undefined;
  errors: number | undefined;
  p50: number | undefined;
  p99: number | undefined;
}

export const breakerStates = ['closed', 'half open', 'open'] as const;

export interface EdgeFigures extends Figures {
  breaker?: number | undefined;
}
export interface NodeFigures extends Figures {
  connections?: number | undefined;
}

export interface MapFigures {
  nodes: Partial<Record<NodeId, NodeFigures>>;
  edges: Partial<Record<EdgeId, EdgeFigures>>;
}

const nothing: Figures = { rate: undefined, errors: undefined, p50: undefined, p99: undefined };

const ownerOf = (service: string | undefined) => service?.replace(/-service$/, '') as ServiceName | 'mock-gateway' | undefined;
// The payment company is called "gateway" by the one who calls it.
const calleeOf = (upstream: string | undefined) => (upstream === 'gateway' ? 'mock-gateway' : upstream) as NodeId | undefined;

export const errorRatio = (f: Figures | undefined): number | undefined =>
  f?.rate === undefined ? undefined : f.rate > 0 ? Math.min(1, (f.errors ?? 0) / f.rate) : 0;

function gather<T extends Figures>(series: readonly Series[], keyOf: (metric: Record<string, string>) => string | undefined) {
  const out: Record<string, T> = {};
  for (const { metric, value } of series) {
    const key = keyOf(metric);
    const figure = metric.figure;
    if (!key || !figure) continue;
    const f = (out[key] ??= { ...nothing } as T);
    (f as unknown as Record<string, number | undefined>)[figure] = numberOf(value?.[1]);
  }
  // A breaker without calls stands where nothing was asked yet. No series of errors is no error, as
  // long as there are requests.
  for (const f of Object.values(out) as EdgeFigures[]) if (f.breaker !== undefined) f.rate ??= 0;
  for (const f of Object.values(out)) if (f.rate !== undefined) f.errors ??= 0;
  return out;
}

const sum = (numbers: (number | undefined)[]) =>
  numbers.every((n) => n === undefined) ? undefined : numbers.reduce<number>((a, n) => a + (n ?? 0), 0);

export interface Answers {
  services?: readonly Series[] | undefined;
  calls?: readonly Series[] | undefined;
  stores?: readonly Series[] | undefined;
  gateway?: readonly Series[] | undefined;
}

export function mapFigures(answers: Answers): MapFigures {
  const out: MapFigures = { nodes: {}, edges: {} };
  if (answers.services) Object.assign(out.nodes, gather<NodeFigures>(answers.services, (m) => ownerOf(m.service)));
  if (answers.calls) {
    Object.assign(out.edges, gather<EdgeFigures>(answers.calls, (m) => {
      const id = `${ownerOf(m.service)}>${calleeOf(m.upstream)}` as EdgeId;
      return edges.some((e) => e.id === id) ? id : undefined;
    }));
  }
  if (answers.stores) {
    for (const [of, f] of Object.entries(gather<NodeFigures>(answers.stores, (m) => ownerOf(m.service)))) {
      out.nodes[`${of as ServiceName}-store`] = f;
      out.edges[`${of as ServiceName}>${of as ServiceName}-store`] = f;
    }
  }
  // nginx keeps no figures. What came through it is what a service answered, less what others asked.
  if (answers.services && answers.calls) {
    for (const id of services) {
      const own = out.nodes[id];
      if (own?.rate === undefined) continue;
      const called = edges.filter((e) => e.to === id && e.kind === 'call').map((e) => out.edges[e.id]?.rate ?? 0);
      const rate = Math.max(0, own.rate - called.reduce((a, b) => a + b, 0));
      // Two counters that are read at slightly different times leave a remainder that is no traffic.
      const calm = rate < 0.1 + own.rate * 0.02 ? 0 : rate;
      out.edges[`gateway>${id}`] = { ...own, rate: calm, errors: calm * (errorRatio(own) ?? 0) };
    }
    const through = services.map((id) => out.edges[`gateway>${id}`]);
    const ends = Object.fromEntries((answers.gateway ?? []).map((s) => [s.metric.figure, numberOf(s.value?.[1])]));
    const whole: Figures = {
      rate: sum(through.map((f) => f?.rate)), errors: sum(through.map((f) => f?.errors)), p50: ends.p50, p99: ends.p99,
    };
    out.nodes.gateway = whole;
    out.edges['shoppers>gateway'] = whole;
  }
  return out;
}

// What the checkout figures say; counts are whole.
export interface CheckoutFigures {
  states: Record<string, number>;
  outcomesMinute: Record<string, number>;
  outcomesHour: Record<string, number>;
  // By step, then by what it was answered.
  steps: Record<string, Record<string, number>>;
  revenue: { currency: string; minor: number }[];
  cartAdds: number | undefined;
  attention: number | undefined;
  violations: number | undefined;
  outboxLag: number | undefined;
  outboxPending: number | undefined;
  paymentsUnsettled: number | undefined;
}

export function checkoutFigures(series: readonly Series[]): CheckoutFigures {
  const of = (figure: string) => series.filter((s) => s.metric.figure === figure);
  const one = (figure: string) => numberOf(of(figure)[0]?.value?.[1]);
  const counts = (figure: string, label: string) => Object.fromEntries(
    of(figure).map((s) => [s.metric[label] ?? '', Math.round(numberOf(s.value?.[1]) ?? 0)]));
  const steps: CheckoutFigures['steps'] = {};
  for (const s of of('step-minute')) {
    const n = Math.round(numberOf(s.value?.[1]) ?? 0);
    if (n > 0 && s.metric.step) (steps[s.metric.step] ??= {})[s.metric.outcome ?? ''] = n;
  }
  const adds = one('cart-adds-minute');
  return {
    states: counts('state', 'state'),
    outcomesMinute: counts('outcome-minute', 'outcome'),
    outcomesHour: counts('outcome-hour', 'outcome'),
    steps,
    revenue: of('revenue-hour')
      .map((s) => ({ currency: s.metric.currency ?? '', minor: Math.round(numberOf(s.value?.[1]) ?? 0) }))
      .filter((r) => /^[A-Z]{3}$/.test(r.currency)),
    cartAdds: adds === undefined ? undefined : Math.round(adds),
    attention: one('attention'),
    violations: one('violations'),
    outboxLag: one('outbox-lag'),
    outboxPending: one('outbox-pending'),
    paymentsUnsettled: one('payments-unsettled'),
  };
}

export interface Point {
  // Seconds since 1970.
  at: number;
  value: number | undefined;
}

export function historyOf(series: readonly Series[], labels: Record<string, string>): Point[] {
  const found = series.find((s) => Object.entries(labels).every(([name, value]) => s.metric[name] === value));
  return (found?.values ?? []).map(([at, text]) => ({ at, value: numberOf(text) }));
}

// Where an element's history is: the question's name, and its series' labels.
export function historyPlace(id: NodeId | EdgeId): { metric: string; labels: Record<string, string> } | undefined {
  const named = (of: string) => (of === 'mock-gateway' ? of : `${of}-service`);
  const [from, to] = id.split('>') as [string, string | undefined];
  if (to?.endsWith('-store') || from.endsWith('-store')) return { metric: 'stores-history', labels: { service: named(from.replace(/-store$/, '')) } };
  if (from === 'shoppers' || (from === 'gateway' && !to)) return { metric: 'gateway-history', labels: {} };
  if (from === 'gateway' && to) return { metric: 'services-history', labels: { service: named(to) } };
  if (to) return { metric: 'calls-history', labels: { service: named(from), upstream: to === 'mock-gateway' ? 'gateway' : to } };
  return { metric: 'services-history', labels: { service: named(from) } };
}
