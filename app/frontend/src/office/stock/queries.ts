import { queryOptions } from '@tanstack/preact-query';
import { queryClient } from '../../api/query';
import { ApiError } from '../../api/error';
import { admin } from '../admin';

// A product's stock with its tag; null where there has never been any.
export const stockQuery = (id: string) => queryOptions({
  queryKey: ['office', 'stock-of', id],
  queryFn: async ({ signal }) => {
    try {
      const { data, etag } = await admin.call('get', '/inventory/{product_id}', { path: { product_id: id }, signal });
      return { stock: data, etag: etag ?? `"${data.version ?? 0}"` };
    } catch (error) {
      if (error instanceof ApiError && error.kind === 'missing') return null;
      throw error;
    }
  },
  staleTime: 0,
});

export function stockChanged(id: string) {
  void queryClient.invalidateQueries({
    predicate: ({ queryKey }) => queryKey[0] !== 'office' || queryKey[1] === 'stock' || queryKey[1] === 'products'
      || (queryKey[1] === 'stock-of' && queryKey[2] === id) || (queryKey[1] === 'movements' && queryKey[2] === id),
  });
}
