import { describe, expect, test } from 'vitest';
import type { Variant } from '../api/types';
import { Variants } from './variants';

const variant = (size: string, color: string, more: Partial<Variant> = {}): Variant => ({
  id: `${size}-${color}`, sku: `${size}-${color}`, slug: `${size}-${color}`, name: `Hoodie ${size} ${color}`, price_minor: 100,
  attributes: { size: [size], color: [color] }, version: 1, updated_at: '', ...more,
});
const hoodie = {
  variants_count: 4,
  variant_attributes: { size: [{ value: 'M' }, { value: 'S' }], color: [{ value: 'Red' }, { value: 'Blue' }, { value: 'Gray' }] },
};
const list = [variant('S', 'Red'), variant('M', 'Red'), variant('M', 'Blue'), variant('S', 'Gray')];
const of = (stock: Record<string, number> = {}) => new Variants(hoodie, list, (id) => stock[id]);

describe('choosing a variant', () => {
  test('a whole choice is one variant', () => {
    expect(of().variantOf({ size: 'M', color: 'Blue' })?.id).toBe('M-Blue');
    expect(of().variantOf({ size: 'M' })).toBeUndefined();
    expect(of().missing({ size: 'M' })).toEqual(['color']);
  });

  test('options say what is sold out and what does not exist', () => {
    const [size, color] = of({ 'M-Red': 0 }).groups({ size: 'M' });
    expect(size!.options.map((o) => o.value)).toEqual(['S', 'M']);
    expect(color!.options).toEqual([
      { value: 'Red', state: 'sold-out' }, { value: 'Blue', state: 'available' }, { value: 'Gray', state: 'apart' },
    ]);
  });

  test('unknown stock is not sold out', () => {
    expect(of().groups({})[1]!.options.every((o) => o.state === 'available')).toBe(true);
  });

  test('what does not go together gives way to the newer choice', () => {
    expect(of().choose({ size: 'M', color: 'Blue' }, 'color', 'Gray')).toEqual({ color: 'Gray' });
    expect(of().choose({ size: 'M', color: 'Blue' }, 'color', 'Red')).toEqual({ size: 'M', color: 'Red' });
  });

  test('an address with combinations that do not exist', () => {
    expect(of().selectionOf({ size: 'M', color: 'Gray', other: 'x' })).toEqual({ size: 'M' });
    expect(of().selectionOf({ size: 'XXL' })).toEqual({});
  });

  test('an only value is chosen already', () => {
    const one = new Variants({ variants_count: 2, variant_attributes: { size: [{ value: 'S' }], color: [{ value: 'Red' }, { value: 'Gray' }] } },
      [list[0]!, list[3]!], () => 1);
    expect(one.selectionOf({})).toEqual({ size: 'S' });
  });

  test('variants that their attributes do not tell apart are chosen by name', () => {
    const twins = [variant('S', 'Red', { name: 'First' }), variant('S', 'Red', { id: 'b', name: 'Second' })];
    const chooser = new Variants({ variants_count: 2, variant_attributes: { size: [{ value: 'S' }] } }, twins, () => 1);
    expect(chooser.names).toEqual(['variant']);
    expect(chooser.variantOf({ variant: 'Second' })?.id).toBe('b');
    expect(chooser.selectionFor(twins[0]!)).toEqual({ variant: 'First' });
  });
});
