import AxeBuilder from '@axe-core/playwright';
import { test as base, expect, type Page } from '@playwright/test';
import { mkdirSync } from 'node:fs';
import { origin, results, secret } from '../support/stack.ts';

// A browser on the store. Whatever the page complains about fails its test: script errors, refusals
// of the Content-Security-Policy, requests to another host.

export { expect };

export const test = base.extend<{ complaints: string[] }>({
  baseURL: async ({}, use) => use(origin()),
  complaints: [async ({ page }, use) => {
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(`script error: ${error.message}`));
    page.on('console', (message) => {
      if (/Content.Security.Policy/i.test(message.text())) complaints.push(message.text());
    });
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (/^https?:$/.test(url.protocol) && url.origin !== origin()) complaints.push(`request to ${url.origin}`);
    });
    await use(complaints);
    expect(complaints).toEqual([]);
  }, { auto: true }],
});

export const phone = { width: 360, height: 740 };
export const desk = { width: 1280, height: 860 };

// axe-core finds nothing, and nothing makes the page scroll sideways.
export async function expectSound(page: Page) {
  // The other mode opens a second page for each run, for frames of other origins; there are none.
  const found = await new AxeBuilder({ page }).setLegacyMode(true).analyze();
  expect(found.violations.map((v) => `${v.id}: ${v.help}\n${v.nodes.map((n) => `  ${n.target} ${n.failureSummary}`).join('\n')}`)).toEqual([]);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(overflow, 'pixels that the page scrolls sideways').toBeLessThanOrEqual(0);
}

// The page as it is, photographed at phone and desk width, in light and dark:
// tests/results/screenshots/<name>-<width>-<scheme>.png. Each width and each scheme is checked once;
// more would find the same again.
export async function look(page: Page, name: string) {
  const folder = `${results}/screenshots`;
  mkdirSync(folder, { recursive: true });
  const before = page.viewportSize();
  for (const [size, colorScheme, check] of [
    [phone, 'light', true], [desk, 'light', false], [desk, 'dark', true],
  ] as const) {
    await page.setViewportSize(size);
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.screenshot({ path: `${folder}/${name}-${size.width}-${colorScheme}.png`, fullPage: true });
    if (check) await expectSound(page);
  }
  if (before) await page.setViewportSize(before);
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
}

// Signs the browser in as the administrator, by the sign-in form.
export async function signIn(page: Page, path = '/office') {
  await page.goto(path);
  await page.getByLabel('Password').fill(secret('admin-password'));
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByLabel('Password')).toHaveCount(0);
}
