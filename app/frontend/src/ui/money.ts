// Amounts are whole minor units with a currency code; how many minor units make one is the currency's.

const formats = new Map<string, Intl.NumberFormat>();

function format(currency: string, decimals?: 0): Intl.NumberFormat {
  const name = currency + (decimals ?? '');
  let made = formats.get(name);
  if (!made) {
    made = new Intl.NumberFormat(undefined, { style: 'currency', currency, currencyDisplay: 'narrowSymbol', maximumFractionDigits: decimals });
    formats.set(name, made);
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

const plain = new Intl.NumberFormat();
const numerals = Array.from({ length: 10 }, (_, digit) => plain.format(digit));

// The number's own digits in the format's: whole numbers are formatted exactly by every browser, texts of
// decimals by newer ones only.
function exactly(to: Intl.NumberFormat, minor: number, currency: string): string {
  const [whole = '0', fraction = ''] = decimalOf(Math.abs(minor), currency).split('.');
  const size = BigInt(whole);
  const digits = (text: string) => [...text].map((digit) => numerals[Number(digit)]).join('');
  // Nought has no sign.
  return to.formatToParts(minor < 0 ? -(size || 1n) : size).map(({ type, value }) => {
    if (type === 'fraction') return digits(fraction);
    return type === 'integer' && size === 0n ? digits('0') : value;
  }).join('');
}

export const money = (minor: number, currency: string) => exactly(format(currency), minor, currency);

// A round amount without its zeros: "$20".
export const wholeMoney = (minor: number, currency: string) =>
  minor % 10 ** exponentOf(currency) === 0 ? exactly(format(currency, 0), minor, currency) : money(minor, currency);

// What somebody has typed ("12", "12.5", "12,50") in minor units; undefined if it is no amount.
export function parseMoney(text: string, currency: string): number | undefined {
  const exponent = exponentOf(currency);
  const found = /^\s*(\d{1,12})(?:[.,](\d*))?\s*$/.exec(text);
  if (!found) return undefined;
  const fraction = found[2] ?? '';
  if (fraction.length > exponent) return undefined;
  return Number(found[1]! + fraction.padEnd(exponent, '0'));
}
