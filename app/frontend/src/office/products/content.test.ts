import { describe, expect, test } from 'vitest';
import { attributeProblem, attributesOf, categoryProblem, emptyValues, merge, newProduct, patchOf, priceProblem, validate, wholeProblem, type Values } from './content';

const lamp: Values = {
  ...emptyValues('USD'), name: 'Lamp', sku: 'L-1', price: '12.50', categories: ['Lamps'], attributes: [{ name: 'color', values: 'Brass\nRed' }],
};

describe('what is typed', () => {
  test('prices are parsed exactly', () => {
    expect(newProduct({ ...lamp, price: '0.29' }).price_minor).toBe(29);
    expect(newProduct({ ...lamp, price: '9999999,99' }).price_minor).toBe(999_999_999);
    for (const wrong of ['', ' ', '-1', '1.234', '1,000.00', 'abc', '0', '10000000.01']) expect(priceProblem(wrong, 'USD'), wrong).toBeTruthy();
    for (const right of ['1', '1.5', '1,50', ' 12.00 ', '10000000']) expect(priceProblem(right, 'USD'), right).toBeUndefined();
    expect(priceProblem('1.5', 'JPY')).toBeTruthy();
  });
  test('whole numbers', () => {
    for (const wrong of ['', '1.5', '1e3', 'x', '11', '99999999999999999']) expect(wholeProblem(wrong, -10, 10), wrong).toBeTruthy();
    for (const right of ['0', '-10', '+3', ' 10 ']) expect(wholeProblem(right, -10, 10), right).toBeUndefined();
  });
  test('categories and attributes', () => {
    expect(categoryProblem('A//B')).toBeTruthy();
    expect(categoryProblem('A/B/C/D/E/F/G')).toBeTruthy();
    expect(categoryProblem('Tea & Coffee/Tea')).toBeUndefined();
    const all = [{ name: 'size', values: 'M' }, { name: 'size ', values: 'L' }];
    expect(attributeProblem(all[0]!, all)).toContain('twice');
    expect(attributeProblem({ name: '', values: 'M' }, [])).toBeTruthy();
    expect(attributeProblem({ name: 'a=b', values: 'M' }, [])).toBeTruthy();
    expect(attributeProblem({ name: '', values: ' ' }, [])).toBeUndefined();
    expect(attributesOf({ ...lamp, attributes: [{ name: ' color ', values: 'Red\n\nRed \nBlue' }, { name: '', values: '' }] })).toEqual({ color: ['Red', 'Blue'] });
  });
  test('a good product has nothing wrong', () => {
    expect(Object.values(validate(lamp, true)).filter(Boolean)).toEqual([]);
    expect(validate({ ...lamp, image: 'javascript:alert(1)' }, true).image).toBeTruthy();
  });
});

describe('changes', () => {
  test('only what has changed is sent', () => {
    expect(patchOf(lamp, { ...lamp, price: '12.5' })).toEqual({});
    expect(patchOf(lamp, { ...lamp, name: 'Lantern ', brand: 'Loom' })).toEqual({ name: 'Lantern', brand: 'Loom' });
    expect(patchOf({ ...lamp, brand: 'Loom' }, { ...lamp, attributes: [{ name: 'size', values: 'M' }] }))
      .toEqual({ brand: null, attributes: { color: null, size: ['M'] } });
  });
  test('two people\'s changes come together', () => {
    const mine = { ...lamp, name: 'My lamp', price: '13' };
    const theirs = { ...lamp, name: 'Their lamp', brand: 'Loom', price: '13.00' };
    const merged = merge(lamp, mine, theirs);
    expect(merged.differing).toEqual(['name', 'brand']);
    expect(merged.values).toMatchObject({ name: 'My lamp', brand: 'Loom', price: '13' });
  });
});
