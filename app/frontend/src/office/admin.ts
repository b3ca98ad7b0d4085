// The API in the name of the administrator.

import { api, call as callAnyhow } from '../api/client';
import { asAdmin } from './session';

type Request = (...args: never[]) => Promise<unknown>;

// Keeps the request's own types: what changes is who makes it. The options come last.
function guarded<F extends Request>(request: F, options: number): F {
  return ((...args: unknown[]) => {
    const filled = [...args];
    filled[options] = { ...(args[options] as object | undefined), admin: true };
    return asAdmin(() => request(...(filled as never[])));
  }) as unknown as F;
}

export const admin = {
  get: guarded(api.get, 1),
  put: guarded(api.put, 1),
  post: guarded(api.post, 1),
  patch: guarded(api.patch, 1),
  delete: guarded(api.delete, 1),
  // With status and ETag.
  call: guarded(callAnyhow, 2),
};
