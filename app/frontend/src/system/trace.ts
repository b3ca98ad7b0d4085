// A trace as Jaeger's query API gives it, laid out as a waterfall.

interface Tag { key: string; type?: string; value: unknown }

export interface JaegerSpan {
  traceID: string;
  spanID: string;
  operationName: string;
  references?: { refType: string; traceID: string; spanID: string }[];
  // Microseconds.
  startTime: number;
  duration: number;
  tags?: Tag[];
  processID: string;
}

export interface JaegerTrace {
  traceID: string;
  spans: JaegerSpan[];
  processes: Record<string, { serviceName: string; tags?: Tag[] }>;
}

export interface JaegerAnswer {
  data: JaegerTrace[] | null;
}

export interface Row {
  id: string;
  parent: string | undefined;
  depth: number;
  service: string;
  name: string;
  kind: 'step' | 'sql' | 'other';
  // Seconds, from the trace's beginning.
  start: number;
  duration: number;
  // 0 to 1 of the trace's length, for the bar.
  left: number;
  width: number;
  error: boolean;
  // Spans below it, at any depth.
  below: number;
  tags: { key: string; value: string }[];
}

export interface Waterfall {
  traceId: string;
  // Milliseconds since 1970.
  startedAt: number;
  // Seconds.
  duration: number;
  rows: Row[];
  services: string[];
  steps: Row[];
  errors: number;
  // Continues the work that another trace began.
  continues: string | undefined;
}

const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value) ?? '');
const tagOf = (span: JaegerSpan, key: string) => span.tags?.find((t) => t.key === key)?.value;

function failed(span: JaegerSpan): boolean {
  const error = tagOf(span, 'error');
  return error === true || error === 'true' || tagOf(span, 'otel.status_code') === 'ERROR';
}

export function waterfallOf(trace: JaegerTrace): Waterfall {
  // A span may be stored twice, when its export was repeated.
  const spans = [...new Map(trace.spans.map((s) => [s.spanID, s])).values()].sort((a, b) => a.startTime - b.startTime);
  const begin = Math.min(...spans.map((s) => s.startTime));
  const end = Math.max(...spans.map((s) => s.startTime + s.duration));
  const whole = Math.max(1, end - begin);
  const known = new Set(spans.map((s) => s.spanID));
  const children = new Map<string | undefined, JaegerSpan[]>();
  for (const s of spans) {
    const parent = s.references?.find((r) => r.refType === 'CHILD_OF' && r.traceID === trace.traceID)?.spanID;
    // One whose parent has not arrived stands at the top.
    const at = parent !== undefined && parent !== s.spanID && known.has(parent) ? parent : undefined;
    children.set(at, [...(children.get(at) ?? []), s]);
  }
  const rows: Row[] = [];
  const seen = new Set<string>();
  const walk = (span: JaegerSpan, parent: string | undefined, depth: number): number => {
    if (seen.has(span.spanID)) return 0;
    seen.add(span.spanID);
    const row: Row = {
      id: span.spanID, parent, depth,
      service: trace.processes[span.processID]?.serviceName ?? 'unknown',
      name: span.operationName,
      kind: /^checkout /.test(span.operationName) ? 'step' : tagOf(span, 'db.system.name') ?? tagOf(span, 'db.system') ? 'sql' : 'other',
      start: (span.startTime - begin) / 1e6, duration: span.duration / 1e6,
      left: (span.startTime - begin) / whole, width: span.duration / whole,
      error: failed(span), below: 0,
      tags: (span.tags ?? []).map((t) => ({ key: t.key, value: text(t.value) })),
    };
    rows.push(row);
    for (const child of children.get(span.spanID) ?? []) row.below += walk(child, span.spanID, depth + 1);
    return row.below + 1;
  };
  for (const root of children.get(undefined) ?? []) walk(root, undefined, 0);
  // Spans that are each other's parents have no root.
  for (const s of spans) if (!seen.has(s.spanID)) walk(s, undefined, 0);
  const link = spans.flatMap((s) => s.references ?? []).find((r) => r.refType === 'FOLLOWS_FROM' && r.traceID !== trace.traceID);
  return {
    traceId: trace.traceID,
    startedAt: begin / 1000,
    duration: (end - begin) / 1e6,
    rows,
    services: [...new Set(rows.map((r) => r.service))],
    steps: rows.filter((r) => r.kind === 'step'),
    errors: rows.filter((r) => r.error).length,
    continues: link?.traceID,
  };
}

// All traces in which the order was worked on, the first first.
export const waterfallsOf = (answer: JaegerAnswer): Waterfall[] =>
  (answer.data ?? []).filter((t) => t.spans.length > 0).map(waterfallOf).sort((a, b) => a.startedAt - b.startedAt);

// Without database statements, and without what is folded away.
export function visible(rows: readonly Row[], folded: ReadonlySet<string>, statements: boolean): Row[] {
  const hidden = new Set<string>();
  return rows.filter((r) => {
    if (r.parent !== undefined && (hidden.has(r.parent) || folded.has(r.parent))) {
      hidden.add(r.id);
      return false;
    }
    if (!statements && r.kind === 'sql' && !r.error) {
      hidden.add(r.id);
      return false;
    }
    return true;
  });
}
