// A card as it is typed: written in groups, its brand told from the first digits, checked before
// it is sent anywhere.

export type Brand = 'visa' | 'mastercard' | 'amex' | 'discover' | 'other';

export const brandNames: Record<Brand, string> = {
  visa: 'Visa', mastercard: 'Mastercard', amex: 'American Express', discover: 'Discover', other: 'Card',
};

export const brandName = (brand: string) => brandNames[brand as Brand] ?? 'Card';

export const digitsOf = (text: string) => text.replace(/\D/g, '');

export function brandOf(digits: string): Brand {
  if (digits.startsWith('4')) return 'visa';
  if (/^(5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/.test(digits)) return 'mastercard';
  if (/^3[47]/.test(digits)) return 'amex';
  if (/^(6011|65)/.test(digits)) return 'discover';
  return 'other';
}

export const codeLength = (brand: Brand) => (brand === 'amex' ? 4 : 3);

// "4242 4242 4242 4242", and 4-6-5 for American Express.
export function groupNumber(text: string): string {
  const digits = digitsOf(text).slice(0, 19);
  const groups = brandOf(digits) === 'amex'
    ? [digits.slice(0, 4), digits.slice(4, 10), digits.slice(10)]
    : digits.match(/.{1,4}/g) ?? [];
  return groups.filter(Boolean).join(' ');
}

// "12 / 28". The stroke comes with the third digit, so that deleting never meets it.
export function groupExpiry(text: string): string {
  const typed = /^\s*(\d)\s*[/.-]/.test(text) ? `0${text.trim()}` : text;
  let digits = digitsOf(typed);
  if (/^[2-9]/.test(digits)) digits = `0${digits}`;
  if (/^\d{2}20\d{2}$/.test(digits)) digits = digits.slice(0, 2) + digits.slice(4);
  digits = digits.slice(0, /^\d{2}20/.test(digits) ? 6 : 4);
  return digits.length > 2 ? `${digits.slice(0, 2)} / ${digits.slice(2)}` : digits;
}

// Where the cursor belongs after grouping: behind as many digits as before.
export function cursorAfter(grouped: string, digitsBefore: number): number {
  let seen = 0;
  for (let i = 0; i < grouped.length; i++) {
    if (seen === digitsBefore) return i;
    if (/\d/.test(grouped[i]!)) seen++;
  }
  return grouped.length;
}

// ISO/IEC 7812-1: the last digit is the checksum of the others.
export function luhnValid(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]);
    sum += i % 2 === 0 ? digit : digit < 5 ? 2 * digit : 2 * digit - 9;
  }
  return digits.length > 0 && sum % 10 === 0;
}

export interface Expiry {
  month: number;
  year: number;
}

export function parseExpiry(text: string): Expiry | undefined {
  const found = /^\s*(\d{2})\s*\/?\s*(\d{2}|\d{4})\s*$/.exec(text);
  if (!found) return undefined;
  const month = Number(found[1]);
  const year = found[2]!.length === 2 ? 2000 + Number(found[2]) : Number(found[2]);
  return month >= 1 && month <= 12 ? { month, year } : undefined;
}

export interface CardFields {
  number: string;
  expiry: string;
  cvc: string;
  cardName: string;
}

export const emptyCard: CardFields = { number: '', expiry: '', cvc: '', cardName: '' };

const letters = /\p{L}/u;

export function checkCard(card: CardFields, today = new Date()): Partial<Record<keyof CardFields, string>> {
  const errors: Partial<Record<keyof CardFields, string>> = {};
  const digits = digitsOf(card.number);
  if (digits === '') errors.number = 'Enter the number on the card.';
  else if (/[^\d\s-]/.test(card.number)) errors.number = 'A card number has digits only.';
  else if (digits.length < 12) errors.number = 'That is too short: card numbers have at least 12 digits.';
  else if (!luhnValid(digits)) errors.number = 'This number cannot be right. Check its digits.';

  const expiry = parseExpiry(card.expiry);
  if (card.expiry.trim() === '') errors.expiry = 'Enter the month and year.';
  else if (!expiry) errors.expiry = 'Write month and year, like 08 / 29.';
  else if (expiry.year > today.getFullYear() + 30) errors.expiry = 'This year is too far away.';
  // A card is good until the end of its month.
  else if (expiry.year * 12 + expiry.month < today.getFullYear() * 12 + today.getMonth() + 1) errors.expiry = 'This card has expired.';

  const wanted = codeLength(brandOf(digits));
  const cvc = card.cvc.trim();
  if (cvc === '') errors.cvc = 'Enter the security code.';
  else if (!/^\d+$/.test(cvc) || cvc.length !== wanted) errors.cvc = `This code has ${wanted} digits.`;

  if (card.cardName.trim() === '') errors.cardName = 'Enter the name on the card.';
  else if ([...card.cardName.trim()].length > 100) errors.cardName = 'No more than 100 characters.';
  else if (!letters.test(card.cardName)) errors.cardName = 'Enter the name as it stands on the card.';
  return errors;
}

export interface TestCard {
  number: string;
  title: string;
  effect: string;
}

export const testCards: TestCard[] = [
  { number: '4242424242424242', title: 'Approved', effect: 'Pays at once' },
  { number: '4000000000000002', title: 'Declined', effect: 'The bank says no' },
  { number: '4000000000009995', title: 'Insufficient funds', effect: 'Not enough on the card' },
  { number: '4000000000000077', title: 'Slow', effect: 'The bank takes 3 seconds' },
  { number: '4000000000000341', title: 'No answer', effect: 'Charged, the answer is lost' },
  { number: '4000000000000119', title: 'Error', effect: 'The bank fails, then declines' },
];
