// Who the shopper is. A session begins when something needs one, and is renewed when a service
// says that it has expired; the token itself is in a cookie that scripts can't read.

import { errorOf, networkError } from './error';

export interface SessionChange {
  before: string | undefined;
  now: string;
}

const storageKey = 'souk.shopper';

function remembered(): string | undefined {
  try {
    return localStorage.getItem(storageKey) ?? undefined;
  } catch {
    return undefined;
  }
}

function remember(id: string) {
  try {
    localStorage.setItem(storageKey, id);
  } catch {
    // Storage may be forbidden: the session then lasts as long as the page.
  }
}

let userId = remembered();
let renewing: Promise<string> | undefined;
const listeners = new Set<(change: SessionChange) => void>();

// The shopper's id, if there has been a session before: asks nobody.
export const knownUserId = () => userId;

async function ask(): Promise<string> {
  let response: Response;
  try {
    response = await fetch('/api/session', { method: 'POST', signal: AbortSignal.timeout(8000) });
  } catch (error) {
    throw networkError(error);
  }
  if (!response.ok) throw await errorOf(response);
  const answer = (await response.json()) as { user_id: string };
  const before = userId;
  userId = answer.user_id;
  remember(userId);
  if (before !== userId) for (const tell of listeners) tell({ before, now: userId });
  return userId;
}

// Parallel requests that find the session expired share one renewal.
export function renewSession(): Promise<string> {
  renewing ??= ask().finally(() => {
    renewing = undefined;
  });
  return renewing;
}

export const sessionUserId = async () => userId ?? (await renewSession());

// The listener hears of each new shopper id.
export function onSessionChange(listener: (change: SessionChange) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
