// What the shop's pages ask.

import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/preact-query';
import { api } from '../api/client';
import type { Product, ProductDetail, ProductPage, Stock } from '../api/types';
import { queryClient } from '../api/query';
import { type Listing, productsQueryOf } from './listing';

type ProductsQuery = Omit<ReturnType<typeof productsQueryOf>, 'limit'>;

// A few products that fit together.
export const shelfQuery = (query: Partial<ProductsQuery>, limit: number) => queryOptions({
  queryKey: ['products', 'shelf', query, limit],
  queryFn: ({ signal }) => api.get('/products', { query: { ...query, limit }, signal }),
  staleTime: 60_000,
});

export function listingQuery(listing: Listing) {
  const query = productsQueryOf(listing);
  return infiniteQueryOptions({
    queryKey: ['products', 'list', query],
    queryFn: ({ signal, pageParam }) => api.get('/products', { query: { ...query, cursor: pageParam }, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: ProductPage) => page.next_cursor,
    // While filters change, what was there stays until the new list is known.
    placeholderData: keepPreviousData,
    staleTime: 60_000,
    // Fetching many pages anew below the shopper's eyes helps nobody.
    refetchOnWindowFocus: false,
  });
}

// A list has shown the product already: name, picture and price are there at once.
function fromLists(idOrSlug: string): Product | undefined {
  for (const [, data] of queryClient.getQueriesData<ProductPage | { pages: ProductPage[] }>({ queryKey: ['products'] })) {
    const pages = data === undefined ? [] : 'pages' in data ? data.pages : [data];
    for (const page of pages) {
      const found = page.items?.find((p) => p.slug === idOrSlug || p.id === idOrSlug);
      if (found) return found;
    }
  }
  return undefined;
}

export const productQuery = (idOrSlug: string) => queryOptions<ProductDetail>({
  queryKey: ['product', idOrSlug],
  queryFn: ({ signal }) => api.get('/products/{id}', { path: { id: idOrSlug }, signal }),
  placeholderData: () => {
    const known = fromLists(idOrSlug);
    return known && { ...known, variants: [] };
  },
});

// Inventory's own word, looked at again while the page is.
export const stockQuery = (ids: readonly string[]) => queryOptions({
  queryKey: ['stock', ids],
  queryFn: async ({ signal }) => {
    const chunks: string[][] = [];
    for (let at = 0; at < ids.length; at += 100) chunks.push(ids.slice(at, at + 100));
    const answers = await Promise.all(chunks.map((chunk) => api.get('/inventory', { query: { ids: chunk, limit: 100 }, signal })));
    return new Map<string, Stock>(answers.flatMap((a) => a.items).map((s) => [s.product_id, s]));
  },
  enabled: ids.length > 0,
  staleTime: 5000,
  refetchInterval: 15_000,
  refetchOnWindowFocus: true,
});

export const suggestQuery = (text: string) => queryOptions({
  queryKey: ['suggest', text],
  queryFn: ({ signal }) => api.get('/products/suggest', { query: { q: text }, signal, timeout: 3000 }),
  enabled: text !== '',
  placeholderData: keepPreviousData,
  staleTime: 60_000,
  retry: false,
});
