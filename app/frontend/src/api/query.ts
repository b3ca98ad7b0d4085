// The cache of what services have answered.

import { QueryClient } from '@tanstack/preact-query';
import { ApiError } from './error';

// Retries of all requests together: a burst of a few, then one each five seconds. A service that
// is down is not asked more because many components want something of it.
export class RetryBudget {
  private left: number;
  private at: number;

  constructor(private readonly burst = 8, private readonly refillMs = 5000, private readonly now = Date.now) {
    this.left = burst;
    this.at = now();
  }

  take(): boolean {
    const gained = (this.now() - this.at) / this.refillMs;
    this.left = Math.min(this.burst, this.left + gained);
    this.at = this.now();
    if (this.left < 1) return false;
    this.left -= 1;
    return true;
  }
}

const budget = new RetryBudget();

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      gcTime: 10 * 60_000,
      // A request made offline fails at once, so that the page can say so.
      networkMode: 'always',
      refetchOnReconnect: true,
      // Whoever has waited for a whole time limit is told; only quick failures are worth a silent retry.
      retry: (failures, error) =>
        failures < 2 && error instanceof ApiError && error.transient &&
        error.kind !== 'offline' && error.kind !== 'timeout' && budget.take(),
      retryDelay: (failures, error) =>
        error instanceof ApiError && error.retryAfter
          ? Math.min(error.retryAfter, 5) * 1000
          : Math.min(400 * 2 ** failures, 4000) * (0.5 + Math.random() / 2),
    },
    mutations: { networkMode: 'always', retry: false },
  },
});
