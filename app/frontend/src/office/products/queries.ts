import { queryOptions, useQuery } from '@tanstack/preact-query';
import { api, call } from '../../api/client';
import { queryClient } from '../../api/query';
import type { Product } from '../../api/types';

// A product as it is now, with the tag that guards a change.
export const productQuery = (id: string) => queryOptions({
  queryKey: ['office', 'product', id],
  queryFn: async ({ signal }) => {
    const { data, etag } = await call('get', '/products/{id}', { path: { id }, signal });
    return { product: data, etag: etag ?? `"${data.version}"` };
  },
  // An edit begins with what holds now, not with what was seen before.
  staleTime: 0,
  gcTime: 0,
});

// Names for what other services know by id only. What is archived has none.
export const namesQuery = (ids: string[]) => queryOptions({
  queryKey: ['office', 'names', [...ids].sort().join()],
  queryFn: async ({ signal }) => {
    const found = new Map<string, Product>();
    for (let at = 0; at < ids.length; at += 100) {
      const page = await api.get('/products', { query: { ids: ids.slice(at, at + 100) }, signal });
      for (const product of page.items) found.set(product.id, product);
    }
    return found;
  },
  staleTime: 60_000,
  enabled: ids.length > 0,
});

// The store has one currency; any product tells it.
export function useCurrency(): { currency: string | undefined; known: boolean } {
  const { data, isPending } = useQuery({
    queryKey: ['office', 'currency'],
    queryFn: async ({ signal }) => (await api.get('/products', { query: { limit: 1 }, signal })).items[0]?.currency ?? null,
    staleTime: Infinity,
  });
  return { currency: data ?? undefined, known: !isPending };
}

// After a change to the catalogue, what the shop shows is asked for again, too.
export function catalogueChanged(id?: string) {
  if (id) void queryClient.invalidateQueries({ queryKey: ['office', 'product', id], refetchType: 'none' });
  void queryClient.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'office' || queryKey[1] === 'products' || queryKey[1] === 'names' });
}
