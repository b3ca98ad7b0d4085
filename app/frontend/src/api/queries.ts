// Questions that more than one part of the store asks. A page's own are in its folder.

import { queryOptions } from '@tanstack/preact-query';
import { api, send } from './client';
import type { SystemHealth } from './types';

export const categoriesQuery = queryOptions({
  queryKey: ['categories'],
  queryFn: ({ signal }) => api.get('/categories', { signal }),
  staleTime: 5 * 60_000,
});

export const healthQuery = queryOptions({
  queryKey: ['system', 'health'],
  queryFn: async ({ signal }) => (await (await send('get', '/api/system/health', { signal })).json()) as SystemHealth,
  staleTime: 5000,
});
