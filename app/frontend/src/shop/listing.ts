// A list of products as its address says it: /c/<category>?… or /search?…, with the API's own names.

import { categoryOf } from '../shell/links';

export const sorts = ['featured', 'relevance', 'newest', 'price_asc', 'price_desc', 'name'] as const;
export type Sort = (typeof sorts)[number];

export interface Listing {
  search: string;
  category: string | undefined;
  brands: string[];
  min: number | undefined;
  max: number | undefined;
  attributes: Record<string, string[]>;
  sort: Sort | undefined;
  // How much of an endless list is shown.
  pages: number;
}

export const pageSize = 24;
// So that a foreign address can't ask for all of a catalogue.
const mostPages = 40;
const largestPrice = 1_000_000_000;

const whole = (text: string | null, most: number) =>
  text !== null && /^\d{1,10}$/.test(text) && Number(text) <= most ? Number(text) : undefined;

const distinct = (values: string[]) => [...new Set(values.filter(Boolean))].slice(0, 50);

// What makes no sense is left out.
export function listingOf(pathname: string, search: string): Listing {
  const query = new URLSearchParams(search);
  const attributes: Record<string, string[]> = {};
  for (const name of new Set(query.keys())) {
    if (!name.startsWith('attr.') || name.length <= 5) continue;
    const values = distinct(query.getAll(name));
    if (values.length > 0) attributes[name.slice(5)] = values;
  }
  const sort = query.get('sort');
  return {
    search: (query.get('search') ?? '').trim().slice(0, 200),
    category: categoryOf(pathname) || query.get('category') || undefined,
    brands: distinct(query.getAll('brand')),
    min: whole(query.get('min_price'), largestPrice),
    max: whole(query.get('max_price'), largestPrice),
    attributes,
    sort: sorts.find((s) => s === sort),
    pages: Math.min(Math.max(whole(query.get('pages'), 9999) ?? 1, 1), mostPages),
  };
}

export function addressOf(listing: Partial<Listing>): string {
  const { search, category, brands, min, max, attributes, sort, pages } = listing;
  const query = new URLSearchParams();
  if (search) query.set('search', search);
  if (search && category) query.set('category', category);
  for (const brand of brands ?? []) query.append('brand', brand);
  if (min !== undefined) query.set('min_price', String(min));
  if (max !== undefined) query.set('max_price', String(max));
  for (const [name, values] of Object.entries(attributes ?? {})) {
    for (const value of values) query.append(`attr.${name}`, value);
  }
  if (sort) query.set('sort', sort);
  if (pages !== undefined && pages > 1) query.set('pages', String(pages));
  const path = category && !search ? `/c/${category.split('/').map(encodeURIComponent).join('/')}` : '/search';
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

// The same in the words of GET /products.
export function productsQueryOf(listing: Listing) {
  const { search, category, brands, min, max, attributes, sort } = listing;
  return {
    search: search || undefined,
    category: category ? [category] : undefined,
    brand: brands.length > 0 ? brands : undefined,
    min_price: min,
    max_price: max !== undefined && min !== undefined && max < min ? undefined : max,
    attr: Object.keys(attributes).length > 0 ? attributes : undefined,
    sort,
    limit: pageSize,
  };
}

export interface Chip {
  key: string;
  label: string;
  without: Listing;
}

const toggled = (values: readonly string[], value: string) =>
  values.includes(value) ? values.filter((v) => v !== value) : [...values, value];

export const withBrand = (listing: Listing, brand: string): Listing =>
  ({ ...listing, brands: toggled(listing.brands, brand), pages: 1 });

export function withAttribute(listing: Listing, name: string, value: string): Listing {
  const { [name]: before = [], ...others } = listing.attributes;
  const values = toggled(before, value);
  return { ...listing, attributes: values.length > 0 ? { ...listing.attributes, [name]: values } : others, pages: 1 };
}

export const withPrice = (listing: Listing, min: number | undefined, max: number | undefined): Listing =>
  ({ ...listing, min, max, pages: 1 });

export const unfiltered = (listing: Listing): Listing =>
  ({ ...listing, brands: [], attributes: {}, min: undefined, max: undefined, pages: 1 });

// What narrows the list, each with the list without it. The category of a category's own page is none.
export function chipsOf(listing: Listing, priceLabel: (min?: number, max?: number) => string): Chip[] {
  const chips: Chip[] = [];
  if (listing.search && listing.category) {
    const label = listing.category.split('/').at(-1)!;
    chips.push({ key: 'category', label, without: { ...listing, category: undefined, pages: 1 } });
  }
  for (const brand of listing.brands) chips.push({ key: `brand=${brand}`, label: brand, without: withBrand(listing, brand) });
  if (listing.min !== undefined || listing.max !== undefined) {
    chips.push({ key: 'price', label: priceLabel(listing.min, listing.max), without: withPrice(listing, undefined, undefined) });
  }
  for (const [name, values] of Object.entries(listing.attributes)) {
    for (const value of values) {
      chips.push({ key: `${name}=${value}`, label: wordsOf(name, value), without: withAttribute(listing, name, value) });
    }
  }
  return chips;
}

// ---------------------------------------------------------------------------------------------
// Attributes in words.

// "dishwasher_safe": "Dishwasher safe".
export function labelOf(name: string): string {
  const text = name.replace(/[_-]+/g, ' ').trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// "Yes" alone says nothing outside of its group.
export const wordsOf = (name: string, value: string) =>
  /^(yes|no|none|any|\d+)$/i.test(value) ? `${labelOf(name)}: ${value}` : value;

const letterSizes = ['XXXS', 'XXS', 'XS', 'S', 'M', 'L', 'XL', 'XXL', 'XXXL', '4XL', '5XL', '6XL'];
const units: Record<string, number> = { mg: 0.001, g: 1, kg: 1000, ml: 1, cl: 10, l: 1000, mm: 1, cm: 10, m: 1000, in: 25.4, inch: 25.4 };

function rank(value: string): [number, number] | undefined {
  const letters = letterSizes.indexOf(value.toUpperCase().replace(/^2XL$/, 'XXL').replace(/^3XL$/, 'XXXL'));
  if (letters >= 0) return [0, letters];
  const measure = /^(?:[A-Z]{2} )?(\d+(?:[.,]\d+)?)\s*([a-z]*)/i.exec(value);
  if (!measure) return undefined;
  return [1, Number(measure[1]!.replace(',', '.')) * (units[measure[2]!.toLowerCase()] ?? 1)];
}

// Sizes from small to large; anything else stays in the order that it came in.
export function inOrder<T>(values: readonly T[], textOf: (value: T) => string): T[] {
  const ranks = new Map(values.map((value) => [value, rank(textOf(value))]));
  if ([...ranks.values()].some((r) => r === undefined)) return [...values];
  return [...values].sort((a, b) => {
    const [x, y] = [ranks.get(a)!, ranks.get(b)!];
    return x[0] - y[0] || x[1] - y[1];
  });
}
