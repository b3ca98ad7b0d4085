// The administrator's sign-in. The token is in a cookie that scripts can't read; remembered here is
// only that there is one, and until when.

import { signal } from '@preact/signals';
import { api } from '../api/client';
import { ApiError } from '../api/error';
import { queryClient } from '../api/query';
import { forgetAll } from '../ui/kept';

const storageKey = 'souk.office';

function remembered(): boolean {
  try {
    return Date.parse(localStorage.getItem(storageKey) ?? '') > Date.now();
  } catch {
    return false;
  }
}

function remember(until: string | undefined) {
  try {
    if (until) localStorage.setItem(storageKey, until);
    else localStorage.removeItem(storageKey);
  } catch {
    // Storage may be forbidden: the sign-in is then asked for on each visit.
  }
}

export const signedIn = signal(remembered());
// The sign-in is asked for again, over a page whose session has expired.
export const asking = signal(false);

let waiting: { promise: Promise<void>; go: () => void; stop: () => void } | undefined;

// Everything that meets the expired session waits for the same sign-in.
function signInAgain(): Promise<void> {
  if (!waiting) {
    let go = () => {};
    let stop = () => {};
    const promise = new Promise<void>((resolve, reject) => {
      go = resolve;
      stop = () => reject(new ApiError({ kind: 'signed-out', type: 'unauthenticated', title: 'Not signed in', status: 401 }));
    });
    waiting = { promise, go, stop };
    asking.value = true;
  }
  return waiting.promise;
}

function answerAsking(signed: boolean) {
  const those = waiting;
  waiting = undefined;
  asking.value = false;
  if (signed) those?.go();
  else those?.stop();
}

export const giveUpAsking = () => answerAsking(false);

export async function signIn(username: string, password: string): Promise<void> {
  const { expires_at } = await api.post('/session/admin', { body: { username, password } });
  remember(expires_at);
  signedIn.value = true;
  answerAsking(true);
}

export async function signOut(): Promise<void> {
  await api.delete('/session/admin', { admin: true });
  remember(undefined);
  signedIn.value = false;
  queryClient.removeQueries({ queryKey: ['office'] });
  forgetAll();
}

// Signing in in another window opens this one, too.
addEventListener('storage', (event) => {
  if (event.key === storageKey && asking.value && remembered()) answerAsking(true);
});

// Does what needs an administrator; if the session has expired, once more after the sign-in.
export async function asAdmin<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (!(error instanceof ApiError) || error.kind !== 'signed-out') throw error;
    await signInAgain();
    return request();
  }
}
