// The addresses of the store's pages.

const segments = (path: string) => path.split('/').map(encodeURIComponent).join('/');

export const links = {
  home: '/',
  // "Tea & Coffee/Tea"
  category: (path: string) => `/c/${segments(path)}`,
  search: (text: string) => `/search?search=${encodeURIComponent(text)}`,
  product: (slug: string) => `/p/${encodeURIComponent(slug)}`,
  checkout: '/checkout',
  orders: '/orders',
  order: (id: string) => `/orders/${encodeURIComponent(id)}`,
  office: (part = '') => (part ? `/office/${part}` : '/office'),
  system: '/system',
  docs: '/docs/',
};

// The category of an address below /c/; undefined if it is none.
export function categoryOf(pathname: string): string | undefined {
  if (!pathname.startsWith('/c/')) return undefined;
  try {
    return pathname.slice(3).split('/').filter(Boolean).map(decodeURIComponent).join('/');
  } catch {
    return undefined;
  }
}
