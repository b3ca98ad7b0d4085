import { expect, test } from 'vitest';
import sample from './trace.sample.json';
import { visible, waterfallOf, waterfallsOf, type JaegerAnswer, type JaegerSpan } from './trace';

const [checkout] = waterfallsOf(sample as JaegerAnswer);

test('a recorded checkout: one root, six programs, the steps in their order', () => {
  expect(checkout!.rows).toHaveLength(57);
  expect(checkout!.rows.filter((r) => r.parent === undefined).map((r) => r.name)).toEqual(['POST /orders']);
  expect([...checkout!.services].sort()).toEqual(['cart-service', 'inventory-service', 'mock-gateway', 'order-service', 'payment-service', 'product-service']);
  expect(checkout!.steps.map((s) => s.name)).toEqual(['checkout reserve', 'checkout authorize', 'checkout commit', 'checkout capture', 'checkout clear_cart']);
  expect(checkout!.errors).toBe(0);
});

test('bars lie within the trace, and each span stands below its parent', () => {
  const depths = new Map(checkout!.rows.map((r) => [r.id, r.depth]));
  checkout!.rows.forEach((r, i) => {
    expect(r.left).toBeGreaterThanOrEqual(0);
    expect(r.left + r.width).toBeLessThanOrEqual(1.000001);
    if (r.parent !== undefined) {
      expect(r.depth).toBe(depths.get(r.parent)! + 1);
      expect(checkout!.rows.findIndex((p) => p.id === r.parent)).toBeLessThan(i);
    }
  });
  expect(checkout!.rows[0]!.below).toBe(56);
});

test('statements and folded spans are left out, with what is below them', () => {
  const few = visible(checkout!.rows, new Set(), false);
  expect(few.some((r) => r.kind === 'sql')).toBe(false);
  expect(visible(checkout!.rows, new Set(), true)).toHaveLength(57);
  expect(visible(checkout!.rows, new Set([checkout!.rows[0]!.id]), true)).toHaveLength(1);
});

const span = (spanID: string, parent: string | undefined, more: Partial<JaegerSpan> = {}): JaegerSpan => ({
  traceID: 't', spanID, operationName: spanID, startTime: 1_000_000, duration: 10, processID: 'p1',
  references: parent ? [{ refType: 'CHILD_OF', traceID: 't', spanID: parent }] : [], ...more,
});
const traceOf = (spans: JaegerSpan[]) => waterfallOf({ traceID: 't', spans, processes: { p1: { serviceName: 'order-service' } } });

test('a missing parent, a circle and a repeated span lose nothing and repeat nothing', () => {
  expect(traceOf([span('b', 'gone'), span('c', 'b')]).rows.map((r) => [r.id, r.depth])).toEqual([['b', 0], ['c', 1]]);
  expect(traceOf([span('a', 'b'), span('b', 'a')]).rows).toHaveLength(2);
  expect(traceOf([span('a', 'a'), span('a', undefined)]).rows).toHaveLength(1);
  expect(traceOf([span('x', undefined, { processID: 'p9' })]).rows[0]!.service).toBe('unknown');
});

test('failures and links to an earlier request are seen', () => {
  const found = traceOf([
    span('a', undefined, { tags: [{ key: 'error', value: true }], references: [{ refType: 'FOLLOWS_FROM', traceID: 'before', spanID: 'z' }] }),
    span('b', 'a', { tags: [{ key: 'otel.status_code', value: 'ERROR' }, { key: 'db.system.name', value: 'postgresql' }] }),
  ]);
  expect(found.errors).toBe(2);
  expect(found.continues).toBe('before');
  // A failed statement is shown even when statements are not.
  expect(visible(found.rows, new Set(), false)).toHaveLength(2);
});

test('nothing found is no trace', () => {
  expect(waterfallsOf({ data: [] })).toEqual([]);
  expect(waterfallsOf({ data: null })).toEqual([]);
});
