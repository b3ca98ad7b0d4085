import { describe, expect, test } from 'vitest';
import { decimalOf, money, parseMoney, wholeMoney } from './money';

describe('amounts', () => {
  test('the number of decimals is the currency\'s', () => {
    expect(decimalOf(690, 'USD')).toBe('6.90');
    expect(decimalOf(5, 'USD')).toBe('0.05');
    expect(decimalOf(690, 'JPY')).toBe('690');
    expect(decimalOf(690, 'KWD')).toBe('0.690');
    expect(decimalOf(-1, 'EUR')).toBe('-0.01');
  });

  test('large amounts keep every digit', () => {
    expect(money(9_007_199_254_740_991, 'USD').replace(/[^\d]/g, '')).toBe('9007199254740991');
  });

  test('amounts are said as the currency and the language say them', () => {
    expect(money(123456, 'USD')).toBe('$1,234.56');
    expect(money(5, 'USD')).toBe('$0.05');
    expect(money(-123405, 'USD')).toBe('-$1,234.05');
    expect(money(-5, 'USD')).toBe('-$0.05');
    expect(money(1234, 'JPY')).toBe('¥1,234');
    expect(money(1234, 'KWD').replace(/[^\d.]/g, '')).toBe('1.234');
    expect(wholeMoney(2000, 'USD')).toBe('$20');
    expect(wholeMoney(2050, 'USD')).toBe('$20.50');
  });

  test('typed amounts', () => {
    expect(parseMoney('12', 'USD')).toBe(1200);
    expect(parseMoney(' 12,5 ', 'USD')).toBe(1250);
    expect(parseMoney('0.29', 'USD')).toBe(29);
    expect(parseMoney('12', 'JPY')).toBe(12);
    for (const wrong of ['', 'x', '-1', '1.234', '1e3', '.5']) expect(parseMoney(wrong, 'USD'), wrong).toBeUndefined();
    expect(parseMoney('1.5', 'JPY')).toBeUndefined();
  });
});
