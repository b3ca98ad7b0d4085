import { defineConfig } from '@playwright/test';
import { results, workers } from './support/stack.ts';

// Debian's Chromium without its windows. As root it needs --no-sandbox; the rest keeps it from asking
// anybody else anything.
const browser = {
  browserName: 'chromium',
  launchOptions: {
    executablePath: '/usr/bin/chromium-headless-shell',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--no-first-run'],
  },
  locale: 'en-US',
  screenshot: 'only-on-failure',
} as const;

// The stores are started once, one for each worker. The files that stop, kill or starve parts of one
// run after the others have ended.
export default defineConfig({
  testDir: '.',
  globalSetup: './support/start.ts',
  globalTeardown: './support/stop.ts',
  outputDir: `${results}/e2e`,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  forbidOnly: !!process.env.CI,
  retries: 0,
  workers,
  reporter: [['list'], ['json', { outputFile: `${results}/e2e.json` }]],
  projects: [
    { name: 'calm', testIgnore: ['*.storm.spec.ts', 'browser/**'], fullyParallel: true },
    { name: 'browser', testMatch: 'browser/*.spec.ts', testIgnore: '**/*.storm.spec.ts', fullyParallel: true, use: browser },
    // First those that have the longest test: at the end it would run alone.
    { name: 'browser-storm', testMatch: 'browser/*.storm.spec.ts', dependencies: ['calm', 'browser'], use: browser },
    { name: 'storm', testMatch: '*.storm.spec.ts', testIgnore: 'browser/**', dependencies: ['calm', 'browser'] },
  ],
});
