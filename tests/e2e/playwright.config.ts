import { defineConfig } from '@playwright/test';

// One store for all files, started once. The files that stop, kill or starve parts of it run after
// the others have ended, one at a time.
export default defineConfig({
  testDir: '.',
  globalSetup: './support/start.ts',
  globalTeardown: './support/stop.ts',
  outputDir: '../results/e2e',
  timeout: 60_000,
  expect: { timeout: 10_000 },
  forbidOnly: !!process.env.CI,
  retries: 0,
  workers: 2,
  reporter: [['list'], ['json', { outputFile: '../results/e2e.json' }]],
  projects: [
    { name: 'calm', testIgnore: '*.storm.spec.ts', fullyParallel: true },
    { name: 'storm', testMatch: '*.storm.spec.ts', dependencies: ['calm'], workers: 1 },
  ],
});
