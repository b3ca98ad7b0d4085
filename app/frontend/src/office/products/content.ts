// What an administrator types about a product, and what the service is told of it.

import type { Product, ProductDetail, ProductSchemas } from '../../api/types';
import type { Errors } from '../../ui/form';
import { decimalOf, exponentOf, money, parseMoney } from '../../ui/money';

export interface Attribute {
  name: string;
  // One value a line.
  values: string;
}

export interface Values {
  name: string;
  sku: string;
  description: string;
  price: string;
  brand: string;
  image: string;
  variant_of: string;
  categories: string[];
  attributes: Attribute[];
  quantity: string;
  currency: string;
}

export const emptyValues = (currency: string): Values => ({
  name: '', sku: '', description: '', price: '', brand: '', image: '', variant_of: '', categories: [''], attributes: [], quantity: '0', currency,
});

// A parent is shown by its sku, which people know.
export function valuesOf(product: ProductDetail | Product, parentSku?: string): Values {
  return {
    name: product.name,
    sku: product.sku,
    description: product.description,
    price: decimalOf(product.price_minor, product.currency),
    brand: product.brand ?? '',
    image: product.image ?? '',
    variant_of: product.variant_of ? parentSku ?? product.variant_of : '',
    categories: [...product.categories],
    attributes: Object.entries(product.attributes).map(([name, values]) => ({ name, values: values.join('\n') })),
    quantity: '',
    currency: product.currency,
  };
}

const lines = (text: string) => text.split('\n').map((v) => v.trim()).filter(Boolean);

export const filledCategories = (values: Values) => [...new Set(values.categories.map((c) => c.trim()).filter(Boolean))];

export const attributesOf = (values: Values): Record<string, string[]> =>
  Object.fromEntries(values.attributes
    .map(({ name, values: texts }): [string, string[]] => [name.trim(), [...new Set(lines(texts))]])
    .filter(([name, texts]) => name && texts.length > 0));

// ---------------------------------------------------------------------------------------------
// What is wrong with what was typed.

const characters = (text: string) => [...text].length;

function text(value: string, most: number, needed?: string): string | undefined {
  if (needed && !value.trim()) return needed;
  if (characters(value) > most) return `At most ${most} characters: these are ${characters(value)}.`;
  return undefined;
}

export function categoryProblem(path: string): string | undefined {
  if (!path.trim()) return undefined;
  const names = path.trim().split('/');
  if (names.some((name) => !name.trim())) return 'Write the path with single slashes between the names: Kitchen/Pots.';
  if (names.length > 6) return 'A path has at most 6 levels.';
  return text(path.trim(), 200);
}

export function attributeProblem({ name, values }: Attribute, all: Attribute[]): string | undefined {
  const own = name.trim();
  const texts = lines(values);
  if (!own && texts.length === 0) return undefined;
  if (!own) return 'Name the attribute.';
  if (own.includes('=')) return 'A name has no “=”.';
  if (characters(own) > 50) return 'A name has at most 50 characters.';
  if (all.filter((a) => a.name.trim() === own).length > 1) return `“${own}” stands here twice.`;
  if (texts.length === 0) return `Give “${own}” a value, or take it away.`;
  if (texts.length > 50) return `At most 50 values: “${own}” has ${texts.length}.`;
  if (texts.some((t) => characters(t) > 200)) return 'A value has at most 200 characters.';
  return undefined;
}

const mostMinor = 1_000_000_000;

export function priceProblem(price: string, currency: string): string | undefined {
  if (!price.trim()) return 'Enter the price.';
  const minor = parseMoney(price, currency);
  if (minor === undefined) {
    const digits = exponentOf(currency);
    return digits === 0 ? 'Enter a whole number, like 1200.' : `Enter an amount with at most ${digits} decimals, like ${decimalOf(1250, currency)}.`;
  }
  if (minor < 1) return 'The price must be more than zero.';
  if (minor > mostMinor) return `The price can be ${money(mostMinor, currency)} at most.`;
  return undefined;
}

export function wholeProblem(value: string, least: number, most: number, needed = 'Enter a whole number.'): string | undefined {
  const trimmed = value.trim();
  if (!trimmed) return needed;
  if (!/^[+-]?\d{1,15}$/.test(trimmed)) return 'Enter a whole number, without points or letters.';
  const number = Number(trimmed);
  if (number < least || number > most) return `Enter a number from ${least.toLocaleString()} to ${most.toLocaleString()}.`;
  return undefined;
}

export function validate(values: Values, isNew: boolean): Errors<Values> {
  const image = values.image.trim();
  return {
    name: text(values.name, 200, 'Enter a name.'),
    sku: text(values.sku, 64, 'Enter a SKU.'),
    description: text(values.description, 10_000),
    price: priceProblem(values.price, values.currency),
    brand: text(values.brand, 100),
    image: text(image, 500) ?? (image && !/^(\/|https?:\/\/)/.test(image) ? 'A path that begins with /, or an http(s) address.' : undefined),
    variant_of: text(values.variant_of, 64),
    categories: values.categories.map(categoryProblem).find(Boolean)
      ?? (filledCategories(values).length > 20 ? 'At most 20 categories.' : undefined),
    attributes: values.attributes.map((a) => attributeProblem(a, values.attributes)).find(Boolean)
      ?? (values.attributes.length > 50 ? 'At most 50 attributes.' : undefined),
    quantity: isNew ? wholeProblem(values.quantity, 0, 1_000_000) : undefined,
    currency: /^[A-Z]{3}$/.test(values.currency) ? undefined : 'Three capital letters (ISO 4217), like USD.',
  };
}

// ---------------------------------------------------------------------------------------------
// What the service is told.

export function newProduct(values: Values): ProductSchemas['new_product'] {
  const optional = (value: string) => value.trim() || undefined;
  return {
    sku: values.sku.trim(),
    name: values.name.trim(),
    description: values.description.trim(),
    categories: filledCategories(values),
    price_minor: parseMoney(values.price, values.currency)!,
    currency: values.currency,
    attributes: attributesOf(values),
    brand: optional(values.brand),
    image: optional(values.image),
    variant_of: optional(values.variant_of),
    quantity: Number(values.quantity),
  };
}

export type FieldName = Exclude<keyof Values, 'quantity' | 'currency'>;

export const fieldLabels: Record<FieldName, string> = {
  name: 'Name', sku: 'SKU', price: 'Price', description: 'Description', categories: 'Categories', attributes: 'Attributes',
  brand: 'Brand', image: 'Picture', variant_of: 'Variant of',
};
export const fieldNames = Object.keys(fieldLabels) as FieldName[];

// A field in words, by which two of its values are compared and shown.
export function shown(values: Values, field: FieldName): string {
  switch (field) {
    case 'categories': return filledCategories(values).join('\n');
    case 'attributes':
      return Object.entries(attributesOf(values)).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, texts]) => `${name}: ${texts.join(', ')}`).join('\n');
    case 'price': {
      const minor = parseMoney(values.price, values.currency);
      return minor === undefined ? values.price.trim() : money(minor, values.currency);
    }
    default: return values[field].trim();
  }
}

export const isSame = (a: Values, b: Values, field: FieldName) => shown(a, field) === shown(b, field);

// What has changed only, so that a variant keeps following its parent in everything else.
export function patchOf(base: Values, now: Values): ProductSchemas['product_patch'] {
  const patch: ProductSchemas['product_patch'] = {};
  const full = newProduct(now);
  for (const field of fieldNames) {
    if (isSame(base, now, field)) continue;
    if (field === 'price') patch.price_minor = full.price_minor;
    else if (field === 'categories') patch.categories = full.categories;
    else if (field === 'attributes') {
      const before = attributesOf(base);
      const after = attributesOf(now);
      patch.attributes = {};
      for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
        if (before[name]?.join('\n') !== after[name]?.join('\n')) patch.attributes[name] = after[name] ?? null;
      }
    } else if (field === 'brand' || field === 'image' || field === 'variant_of') patch[field] = full[field] ?? null;
    else patch[field] = full[field] ?? '';
  }
  return patch;
}

// Two people have changed the same product. What only they have changed is taken over; where both
// have, mine stays until somebody decides.
export interface Merge {
  values: Values;
  // Changed by them, and not the same as mine.
  differing: FieldName[];
}

export function merge(base: Values, mine: Values, theirs: Values): Merge {
  const values = { ...mine };
  const differing: FieldName[] = [];
  for (const field of fieldNames) {
    if (isSame(base, theirs, field) || isSame(mine, theirs, field)) continue;
    differing.push(field);
    if (isSame(base, mine, field)) copyField(values, theirs, field);
  }
  return { values, differing };
}

export function copyField<F extends FieldName>(to: Values, from: Values, field: F): void {
  to[field] = from[field];
}
