// Errors in words for people. Texts for a problem type stand here once.

import { ApiError } from '../api/error';

const byType: Record<string, string> = {
  'has-variants': 'Choose a variant of this product first.',
  'product-unavailable': 'This product is no longer sold.',
  'cart-full': 'The cart is full: it holds up to 100 different products.',
  'quantity-limit': 'That is more than can be ordered at once.',
  'out-of-stock': 'Something in your cart has just sold out.',
  'wrong-password': 'User name or password is wrong.',
  'too-many-attempts': 'Too many attempts. Wait a little, then try again.',
};

export interface Described {
  title: string;
  text: string;
}

export function describe(error: unknown): Described {
  if (!(error instanceof ApiError)) {
    return { title: 'Something went wrong', text: 'This page met an error of its own. Reloading usually helps.' };
  }
  const known = byType[error.type];
  const said = known ?? error.detail ?? (error.fields.map((f) => f.detail).join('; ') || `${error.title}.`);
  switch (error.kind) {
    case 'offline':
      return { title: 'You are offline', text: 'No network at the moment. Nothing is lost: try again when you are back.' };
    case 'down':
      return { title: 'Not available just now', text: 'This part of the store does not answer at the moment. The rest goes on working.' };
    case 'timeout':
      return { title: 'That takes too long', text: 'No answer came in time. Try again in a moment.' };
    case 'limited':
      return { title: 'A little too fast', text: known ?? 'Too many requests came from here. Wait a moment, then try again.' };
    case 'signed-out':
      return { title: 'Your session has expired', text: known ?? 'Sign in again to go on.' };
    case 'forbidden':
      return { title: 'Not allowed', text: known ?? 'This is open to administrators only.' };
    case 'missing':
      return { title: 'Nothing here', text: known ?? 'What you are looking for does not exist, or exists no longer.' };
    case 'stale':
      return { title: 'Somebody else was faster', text: 'This has been changed since you opened it.' };
    case 'broken':
      return { title: 'Something went wrong', text: 'The store made a mistake. It has been written down.' };
    case 'conflict': case 'invalid': case 'refused':
      return { title: error.title, text: said };
  }
}
