import { useQuery } from '@tanstack/preact-query';
import { api } from '../api/client';
import { Page } from '../shell/Page';
import { Loaded } from '../ui/Loaded';
import { ProductGrid, ProductGridSkeleton } from './ProductCard';

export function HomePage() {
  const featured = useQuery({
    queryKey: ['products', 'featured'],
    queryFn: ({ signal }) => api.get('/products', { query: { limit: 24 }, signal }),
  });
  return (
    <Page title="" heading="Small things, well made">
      <Loaded query={featured} skeleton={<ProductGridSkeleton />} what="Products">
        {(page) => <ProductGrid products={page.items} />}
      </Loaded>
    </Page>
  );
}
