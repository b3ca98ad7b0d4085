import { describe, expect, test } from 'vitest';
import { brandOf, checkCard, cursorAfter, groupExpiry, groupNumber, luhnValid, parseExpiry, testCards } from './card';

const good = { number: '4242 4242 4242 4242', expiry: '12 / 30', cvc: '123', cardName: 'Amira Haddad' };
const today = new Date(2028, 4, 31);

describe('card numbers', () => {
  test('are written in the groups of their brand', () => {
    expect(groupNumber('4242424242424242')).toBe('4242 4242 4242 4242');
    expect(groupNumber('42424')).toBe('4242 4');
    expect(groupNumber('378282246310005')).toBe('3782 822463 10005');
    expect(groupNumber('4242-4242x')).toBe('4242 4242');
    expect(groupNumber('')).toBe('');
  });

  test('tell the brand as soon as they can', () => {
    const brands = { 4: 'visa', 51: 'mastercard', 2221: 'mastercard', 2720: 'mastercard', 2721: 'other', 222: 'other', 34: 'amex', 6011: 'discover', 65: 'discover', 60: 'other', '': 'other' };
    for (const [digits, brand] of Object.entries(brands)) expect(brandOf(digits), digits).toBe(brand);
  });

  test('have a checksum', () => {
    for (const { number } of testCards) expect(luhnValid(number), number).toBe(true);
    expect(luhnValid('4242424242424241')).toBe(false);
    expect(luhnValid('')).toBe(false);
  });

  test('the cursor stays behind the same digit', () => {
    expect(cursorAfter('4242 4242', 4)).toBe(4);
    expect(cursorAfter('4242 4242', 5)).toBe(6);
    expect(cursorAfter('4242', 9)).toBe(4);
  });
});

describe('the expiry date', () => {
  test.each([
    ['1', '1'], ['12', '12'], ['123', '12 / 3'], ['1228', '12 / 28'], ['12/2028', '12 / 28'], ['3', '03'], ['3/28', '03 / 28'],
    ['1/28', '01 / 28'], ['12 / ', '12'], ['12 / 28', '12 / 28'], ['122', '12 / 2'], ['1220', '12 / 20'], ['12 / 2029', '12 / 29'],
  ])('%s becomes %s', (typed, shown) => expect(groupExpiry(typed)).toBe(shown));

  test('is read', () => {
    expect(parseExpiry('08 / 29')).toEqual({ month: 8, year: 2029 });
    expect(parseExpiry('0829')).toEqual({ month: 8, year: 2029 });
    for (const wrong of ['', '13 / 29', '00 / 29', '8 / 29', '12']) expect(parseExpiry(wrong), wrong).toBeUndefined();
  });
});

describe('the check', () => {
  test('finds nothing in a good card', () => {
    expect(checkCard(good, today)).toEqual({});
    expect(checkCard({ ...good, expiry: '05 / 28' }, today)).toEqual({});
    expect(checkCard({ ...good, number: '378282246310005', cvc: '1234' }, today)).toEqual({});
  });

  test.each([
    ['number', ''], ['number', '4242'], ['number', '4242 4242 4242 4241'], ['number', '4242 4242 4242 424x'],
    ['expiry', ''], ['expiry', '04 / 28'], ['expiry', '13 / 30'], ['expiry', '1'], ['expiry', '12 / 99'],
    ['cvc', ''], ['cvc', '12'], ['cvc', '1234'], ['cvc', '12a'],
    ['cardName', '  '], ['cardName', '4242'], ['cardName', 'x'.repeat(101)],
  ])('says what is wrong with the %s "%s"', (field, value) =>
    expect(Object.keys(checkCard({ ...good, [field]: value }, today))).toEqual([field]));
});
