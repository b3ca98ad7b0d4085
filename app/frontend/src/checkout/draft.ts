// What has been typed so far. The address outlives a reload; the card only a look around the store,
// since it is never written anywhere.

import { addressFields, likelyCountry, type AddressFields } from './address';
import { emptyCard, type CardFields } from './card';

const key = 'souk.checkout.address';
const emptyAddress: AddressFields = { name: '', line1: '', line2: '', city: '', postal_code: '', region: '', country: '' };

export type Draft = AddressFields & CardFields;

let card: CardFields = emptyCard;

function loadAddress(): AddressFields {
  const address = { ...emptyAddress, country: likelyCountry() };
  try {
    const kept = JSON.parse(sessionStorage.getItem(key) ?? '{}') as Record<string, unknown>;
    for (const field of addressFields) if (typeof kept[field] === 'string') address[field] = kept[field];
  } catch {
    // What cannot be read has to be typed again.
  }
  return address;
}

export const loadDraft = (): Draft => ({ ...loadAddress(), ...card });

export function keepDraft(draft: Draft): void {
  card = { number: draft.number, expiry: draft.expiry, cvc: draft.cvc, cardName: draft.cardName };
  try {
    sessionStorage.setItem(key, JSON.stringify(Object.fromEntries(addressFields.map((field) => [field, draft[field]]))));
  } catch {
    // Storage may be full or forbidden: the page still has it.
  }
}

// The address stays for the next order.
export function forgetCard(): void {
  card = emptyCard;
}
