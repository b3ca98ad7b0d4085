import { expect, test } from 'vitest';
import { checkoutFigures, errorRatio, historyOf, historyPlace, mapFigures, numberOf, type Series } from './figures';
import { edges, nodes } from './topology';

const of = (metric: Record<string, string>, value: number | string): Series => ({ metric, value: [1, String(value)] });

test('what Prometheus has no number for is not known', () => {
  expect(numberOf('NaN')).toBeUndefined();
  expect(numberOf('+Inf')).toBeUndefined();
  expect(numberOf(undefined)).toBeUndefined();
  expect(numberOf('0.25')).toBe(0.25);
});

test('services, calls and stores get their figures', () => {
  const { nodes: n, edges: e } = mapFigures({
    services: [
      of({ service: 'product-service', figure: 'rate' }, 12), of({ service: 'product-service', figure: 'p99' }, 0.02),
      of({ service: 'product-service', figure: 'errors' }, 3), of({ service: 'mock-gateway', figure: 'rate' }, 1),
      of({ service: 'mock-gateway', figure: 'p50' }, 'NaN'),
    ],
    calls: [
      of({ service: 'cart-service', upstream: 'product', figure: 'rate' }, 5),
      of({ service: 'order-service', upstream: 'product', figure: 'rate' }, 3),
      of({ service: 'payment-service', upstream: 'gateway', figure: 'breaker' }, 2),
      of({ service: 'product-service', upstream: 'payment', figure: 'rate' }, 9),
    ],
    stores: [of({ service: 'cart-service', figure: 'rate' }, 40), of({ service: 'cart-service', figure: 'connections' }, 2)],
    gateway: [of({ figure: 'p50' }, 0.001)],
  });
  expect(n.product).toEqual({ rate: 12, errors: 3, p50: undefined, p99: 0.02 });
  expect(errorRatio(n.product)).toBe(0.25);
  expect(n['mock-gateway']).toMatchObject({ rate: 1, errors: 0, p50: undefined });
  expect(e['payment>mock-gateway']?.breaker).toBe(2);
  expect(n['cart-store']).toMatchObject({ rate: 40, connections: 2 });
  expect(e['cart>cart-store']?.rate).toBe(40);
  // 12 asked, 8 of them by other services; a quarter failed.
  expect(e['gateway>product']).toMatchObject({ rate: 4, errors: 1 });
  expect(n.gateway).toMatchObject({ rate: 4, p50: 0.001 });
  expect(Object.keys(e)).not.toContain('product>payment');
});

test('a remainder of counting is no traffic, and without requests there is no error', () => {
  const { edges: e } = mapFigures({
    services: [of({ service: 'inventory-service', figure: 'rate' }, 10.1)],
    calls: [of({ service: 'cart-service', upstream: 'inventory', figure: 'rate' }, 10)],
  });
  expect(e['gateway>inventory']?.rate).toBe(0);
  expect(errorRatio(e['gateway>inventory'])).toBe(0);
  expect(errorRatio(undefined)).toBeUndefined();
});

test('each answer that is missing leaves the rest', () => {
  expect(mapFigures({})).toEqual({ nodes: {}, edges: {} });
  expect(mapFigures({ stores: [of({ service: 'order-service', figure: 'rate' }, 1)] }).nodes['order-store']?.rate).toBe(1);
  expect(mapFigures({ services: [of({ service: 'order-service', figure: 'rate' }, 1)] }).nodes.order?.rate).toBe(1);
});

test('checkout figures are whole numbers by label', () => {
  const f = checkoutFigures([
    of({ figure: 'state', state: 'pending' }, 2), of({ figure: 'outcome-minute', outcome: 'confirmed' }, 5.45),
    of({ figure: 'step-minute', step: 'authorize', outcome: 'authorized' }, 6.2), of({ figure: 'step-minute', step: 'authorize', outcome: 'declined' }, 1.1),
    of({ figure: 'step-minute', step: 'reserve', outcome: 'held' }, 0), of({ figure: 'revenue-hour', currency: 'USD' }, 12345.4),
    of({ figure: 'attention' }, 1), of({ figure: 'outbox-lag' }, 2.5),
  ]);
  expect(f.states).toEqual({ pending: 2 });
  expect(f.outcomesMinute).toEqual({ confirmed: 5 });
  expect(f.steps).toEqual({ authorize: { authorized: 6, declined: 1 } });
  expect(f.revenue).toEqual([{ currency: 'USD', minor: 12345 }]);
  expect(f).toMatchObject({ attention: 1, outboxLag: 2.5, violations: undefined, cartAdds: undefined });
});

test('every box and line has a place for its history', () => {
  for (const { id } of [...nodes.filter((n) => n.kind !== 'people'), ...edges]) expect(historyPlace(id), id).toBeDefined();
  expect(historyPlace('payment>mock-gateway')).toEqual({ metric: 'calls-history', labels: { service: 'payment-service', upstream: 'gateway' } });
  expect(historyPlace('cart-store')).toEqual({ metric: 'stores-history', labels: { service: 'cart-service' } });
  const series: Series[] = [{ metric: { service: 'cart-service', figure: 'p50' }, values: [[10, 'NaN'], [25, '0.5']] }];
  expect(historyOf(series, { service: 'cart-service', figure: 'p50' })).toEqual([{ at: 10, value: undefined }, { at: 25, value: 0.5 }]);
  expect(historyOf(series, { service: 'order-service', figure: 'p50' })).toEqual([]);
});

test('the edges are those of the design', () => {
  expect(edges.filter((e) => e.kind === 'call').map((e) => e.id).sort()).toEqual([
    'cart>inventory', 'cart>product', 'order>cart', 'order>inventory', 'order>payment', 'order>product', 'payment>mock-gateway', 'product>inventory',
  ]);
});
