// What the page asks, and how often.

import { queryOptions } from '@tanstack/preact-query';
import { send } from '../api/client';
import { ApiError } from '../api/error';
import { healthQuery } from '../api/queries';
import type { PrometheusAnswer, Series } from './figures';
import type { JaegerAnswer } from './trace';

export const idleEvery = 5000;
export const busyEvery = 2000;

export const systemHealth = queryOptions({ ...healthQuery, refetchInterval: idleEvery, staleTime: 0 });

async function ask(name: string, signal: AbortSignal): Promise<Series[]> {
  const response = await send('get', `/api/system/metrics/${name}`, { admin: true, signal });
  const answer = (await response.json()) as PrometheusAnswer;
  if (answer.status !== 'success' || !Array.isArray(answer.data?.result)) {
    throw new ApiError({ kind: 'broken', type: 'not-as-agreed', title: 'The answer could not be read' });
  }
  return answer.data.result;
}

export type MetricName = 'services' | 'calls' | 'stores' | 'gateway' | 'versions' | 'checkout';

// Each by itself: one that fails leaves the rest.
export const metricQuery = (name: MetricName, enabled: boolean, every: number) => queryOptions({
  queryKey: ['system', 'metrics', name],
  queryFn: ({ signal }) => ask(name, signal),
  enabled,
  refetchInterval: every,
  staleTime: 0,
  retry: false,
});

export const historyQuery = (metric: string) => queryOptions({
  queryKey: ['system', 'metrics', metric],
  queryFn: ({ signal }) => ask(metric, signal),
  refetchInterval: 15_000,
  staleTime: 10_000,
  retry: false,
});

export const traceQuery = (order: string) => queryOptions({
  queryKey: ['system', 'traces', order],
  queryFn: async ({ signal }) =>
    (await (await send('get', `/api/system/traces/${encodeURIComponent(order)}`, { admin: true, signal })).json()) as JaegerAnswer,
  staleTime: 10_000,
  retry: false,
});
