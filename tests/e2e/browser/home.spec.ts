import { desk, expect, look, phone, test } from './fixtures.ts';

// Looking at a page in four ways takes its time on a small machine.
test.describe.configure({ timeout: 180_000 });

test('the home page invites to look around', async ({ page }) => {
  await page.goto('/');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(/Small things/);
  await expect(page.getByRole('list', { name: 'From the stalls' }).getByRole('link').first()).toBeVisible();
  for (const title of ['Walk the lanes', 'Picked from the stalls', 'Just unpacked', 'Makers of the lane']) {
    await expect(page.getByRole('heading', { name: title })).toBeVisible();
  }
  await expect(page.getByRole('heading', { name: /^Under/ })).toBeVisible();
  await look(page, 'home');
});

test('a category\'s tile leads to it', async ({ page }) => {
  await page.goto('/');
  await page.getByRole('region', { name: 'Walk the lanes' }).getByRole('link', { name: 'Garden' }).click();
  await expect(page).toHaveURL(/\/c\/Garden$/);
  await expect(page.getByRole('heading', { level: 1, name: 'Garden' })).toBeVisible();
});

test('the first page is light: less than 100 kB of compressed scripts', async ({ page }) => {
  const sizes: number[] = [];
  page.on('requestfinished', async (request) => {
    if (request.resourceType() === 'script') sizes.push((await request.sizes()).responseBodySize);
  });
  await page.goto('/');
  await expect(page.getByRole('heading', { name: 'Just unpacked' })).toBeVisible();
  await expect.poll(() => sizes.length).toBeGreaterThan(1);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(100_000);
});

for (const size of [phone, desk]) {
  for (const path of ['/', '/c/Kitchen', '/p/enamel-teapot', '/search?search=lantern']) {
    test(`nothing jumps about on ${path} at ${size.width}`, async ({ page }) => {
      await page.setViewportSize(size);
      await page.addInitScript(() => {
        const shifts: { value: number; what: string }[] = [];
        (window as any).shifts = shifts;
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries() as any[]) {
            if (!entry.hadRecentInput) shifts.push({ value: entry.value, what: entry.sources.map((s: any) => s.node?.outerHTML?.slice(0, 120)).join(' | ') });
          }
        }).observe({ type: 'layout-shift', buffered: true });
      });
      // Slow answers show what a fast store hides.
      await page.route('**/api/**', async (route) => {
        await new Promise((done) => setTimeout(done, 150));
        await route.continue();
      });
      await page.goto(path);
      await expect(page.getByRole('main').getByRole('article').or(page.getByRole('main').getByRole('listitem')).first()).toBeVisible();
      await page.waitForLoadState('networkidle');
      const shifts = await page.evaluate(() => (window as any).shifts as { value: number; what: string }[]);
      const sum = shifts.reduce((total, s) => total + s.value, 0);
      expect(sum, JSON.stringify(shifts, null, 1)).toBeLessThan(0.02);
    });
  }
}

test('without the catalogue the rest of the page stands, and a retry brings it back', async ({ page }) => {
  let down = true;
  for (const path of ['**/api/products*', '**/api/categories']) {
    await page.route(path, (route) => (down ? route.fulfill({ status: 503, json: { type: '/problems/unavailable', title: 'Not available', status: 503 } }) : route.continue()));
  }
  await page.goto('/');
  await expect(page.getByText('The stalls are hard to see just now')).toBeVisible();
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await expect(page.getByRole('button', { name: /^Cart/ })).toBeVisible();
  await look(page, 'home-down');
  down = false;
  await page.getByRole('main').getByRole('button', { name: 'Try again' }).first().click();
  await expect(page.getByRole('heading', { name: 'Picked from the stalls' })).toBeVisible();
});

test('the menu on a phone', async ({ page }) => {
  await page.setViewportSize(phone);
  await page.goto('/');
  await page.getByRole('button', { name: 'Menu' }).click();
  const menu = page.getByRole('dialog', { name: 'Souk' });
  await expect(menu.getByRole('link', { name: /Garden/ })).toBeVisible();
  await look(page, 'menu');
  await menu.getByRole('link', { name: /Garden/ }).click();
  await expect(menu).toBeHidden();
  await expect(page.getByRole('heading', { level: 1, name: 'Garden' })).toBeVisible();
});

test('reduced motion stands still', async ({ page }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await page.goto('/');
  await expect(page.getByRole('heading', { name: 'Just unpacked' })).toBeVisible();
  const moving = () => page.evaluate(() => document.getAnimations().filter((a) => a.playState === 'running').length);
  await expect.poll(moving).toBe(0);
});
