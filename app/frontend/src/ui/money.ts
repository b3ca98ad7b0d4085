// Amounts are whole minor units with a currency code; how many minor units make one is the currency's.

const formats = new Map<string, Intl.NumberFormat>();

function format(currency: string): Intl.NumberFormat {
  let made = formats.get(currency);
  if (!made) {
    made = new Intl.NumberFormat(undefined, { style: 'currency', currency, currencyDisplay: 'narrowSymbol' });
    formats.set(currency, made);
  }
  return made;
}

export const exponentOf = (currency: string) => format(currency).resolvedOptions().maximumFractionDigits ?? 2;

// The decimal text, without a step through binary fractions.
export function decimalOf(minor: number, currency: string): string {
  const exponent = exponentOf(currency);
  const digits = String(Math.abs(minor)).padStart(exponent + 1, '0');
  const sign = minor < 0 ? '-' : '';
  return exponent === 0 ? sign + digits : `${sign}${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`;
}

export const money = (minor: number, currency: string) =>
  format(currency).format(decimalOf(minor, currency) as unknown as number);

// A round amount without its zeros: "$20".
export const wholeMoney = (minor: number, currency: string) =>
  minor % 10 ** exponentOf(currency) === 0
    ? new Intl.NumberFormat(undefined, { style: 'currency', currency, currencyDisplay: 'narrowSymbol', maximumFractionDigits: 0 })
      .format(decimalOf(minor, currency) as unknown as number)
    : money(minor, currency);

// What somebody has typed ("12", "12.5", "12,50") in minor units; undefined if it is no amount.
export function parseMoney(text: string, currency: string): number | undefined {
  const exponent = exponentOf(currency);
  const found = /^\s*(\d{1,12})(?:[.,](\d*))?\s*$/.exec(text);
  if (!found) return undefined;
  const fraction = found[2] ?? '';
  if (fraction.length > exponent) return undefined;
  return Number(found[1]! + fraction.padEnd(exponent, '0'));
}
