import { describe, expect, test } from 'vitest';
import { addressOf, chipsOf, inOrder, labelOf, listingOf, productsQueryOf, unfiltered, withAttribute, withBrand, wordsOf } from './listing';

describe('a list and its address', () => {
  test.each([
    '/search',
    '/search?search=tea',
    '/c/Tea%20%26%20Coffee/Tea?brand=M%C3%BCller+%26+Y%C4%B1ld%C4%B1z&brand=Kiln+Street&min_price=0&max_price=999&attr.size=100+g&attr.size=1+kg&attr.taste=100%25&sort=price_asc&pages=3',
    '/search?search=a%26b&category=Tea+%26+Coffee',
  ])('there and back: %s', (address) => {
    const url = new URL(address, 'http://x');
    expect(addressOf(listingOf(url.pathname, url.search))).toBe(address);
  });

  test('what makes no sense is left out', () => {
    expect(listingOf('/search', '?sort=cheap&min_price=-1&max_price=1e9&pages=0&attr.=x&brand=&attr.size=')).toEqual({
      search: '', category: undefined, brands: [], min: undefined, max: undefined, attributes: {}, sort: undefined, pages: 1,
    });
    expect(listingOf('/search', '?pages=5000').pages).toBe(40);
    expect(listingOf('/c/%E0%A4%A', '').category).toBeUndefined();
  });

  test('prices the wrong way round ask for no upper bound', () => {
    expect(productsQueryOf(listingOf('/search', '?min_price=900&max_price=100'))).toMatchObject({ min_price: 900, max_price: undefined });
  });

  test('filters are put on and taken off, and begin at the first page', () => {
    const start = listingOf('/search', '?search=tea&pages=4');
    const narrowed = withAttribute(withBrand(start, 'Oak'), 'size', 'M');
    expect(addressOf(narrowed)).toBe('/search?search=tea&brand=Oak&attr.size=M');
    expect(addressOf(withBrand(withAttribute(narrowed, 'size', 'M'), 'Oak'))).toBe('/search?search=tea');
    expect(addressOf(unfiltered(narrowed))).toBe('/search?search=tea');
  });

  test('chips', () => {
    const listing = listingOf('/search', '?search=tea&category=A/B&brand=Oak&max_price=5&attr.vegan=Yes&attr.color=Red');
    const chips = chipsOf(listing, (min, max) => `${min}-${max}`);
    expect(chips.map((c) => c.label)).toEqual(['B', 'Oak', 'undefined-5', 'Vegan: Yes', 'Red']);
    expect(addressOf(chips[3]!.without)).toBe('/search?search=tea&category=A%2FB&brand=Oak&max_price=5&attr.color=Red');
  });
});

describe('attributes in words', () => {
  test('names and values', () => {
    expect(labelOf('dishwasher_safe')).toBe('Dishwasher safe');
    expect(wordsOf('players', '2')).toBe('Players: 2');
    expect(wordsOf('color', 'Red')).toBe('Red');
  });
  test('sizes go from small to large', () => {
    const sorted = (values: string[]) => inOrder(values, (v) => v);
    expect(sorted(['XL', 'S', 'XS', 'M', '2XL', 'L'])).toEqual(['XS', 'S', 'M', 'L', 'XL', '2XL']);
    expect(sorted(['1 kg', '100 g', '250 g'])).toEqual(['100 g', '250 g', '1 kg']);
    expect(sorted(['EU 41', 'EU 39'])).toEqual(['EU 39', 'EU 41']);
    expect(sorted(['Red', 'Blue'])).toEqual(['Red', 'Blue']);
  });
});
