import { randomUUID } from 'node:crypto';
import type { Page } from '@playwright/test';
import { Admin } from '../support/shop.ts';
import { expect, expectSound, look, phone, test } from './fixtures.ts';

// Looking at a page in four ways takes its time on a small machine.
test.describe.configure({ timeout: 180_000 });

// A category of the test's own: 60 products of two makers, in three colours, from $1 to $60.
async function category(): Promise<{ name: string; path: string }> {
  const tag = randomUUID().slice(0, 8);
  const name = `Lane ${tag}`;
  const lines = Array.from({ length: 60 }, (_, at) => JSON.stringify({
    sku: `L-${tag}-${at}`, name: `Plate ${tag} No. ${String(at + 1).padStart(2, '0')}`, description: 'Made by a test.',
    categories: [`Tests/${name}/${at < 20 ? 'Small' : 'Large'}`], brand: at % 2 ? `Odd & Sons ${tag}` : `Even ${tag}`,
    price_minor: 100 * (at + 1), currency: 'USD', quantity: 10, attributes: { color: ['Red', 'Green', 'Blue'][at % 3], glazed: at < 30 ? 'Yes' : 'No' },
  }));
  const answer = await (await Admin.signed_in()).send('POST', '/products/import', lines.join('\n'), { 'content-type': 'application/x-ndjson' });
  expect(answer.body, answer.text).toMatchObject({ created: 60, failed: 0 });
  return { name, path: `/c/Tests/${encodeURIComponent(name)}` };
}

const cards = (page: Page) => page.getByRole('main').getByRole('article');
const total = (page: Page) => page.getByRole('main').getByRole('status').filter({ hasText: /products?$/ });

test('facets narrow the list, chips widen it, and the address says it', async ({ page }) => {
  const { name, path } = await category();
  await page.goto(path);
  await expect(page.getByRole('heading', { level: 1, name })).toBeVisible();
  await expect(total(page)).toHaveText('60 products');
  const filters = page.getByRole('complementary', { name: 'Filters' });
  await filters.getByRole('checkbox', { name: /^Red/ }).check();
  await expect(total(page)).toHaveText('20 products');
  await expect(page).toHaveURL(/attr\.color=Red/);
  await filters.getByRole('checkbox', { name: /^Blue/ }).check();
  await expect(total(page)).toHaveText('40 products');
  await filters.getByRole('checkbox', { name: /^Even/ }).check();
  await expect(total(page)).toHaveText('20 products');
  await filters.getByRole('button', { name: /\$10 – \$19\.99/ }).click();
  await expect(page).toHaveURL(/min_price=1000&max_price=1999/);
  const chips = page.getByRole('list', { name: 'Chosen filters' });
  await expect(chips.getByRole('button', { name: /Remove filter/ })).toHaveCount(4);

  const shared = page.url();
  await page.goto('about:blank');
  await page.goto(shared);
  await expect(filters.getByRole('checkbox', { name: /^Red/ })).toBeChecked();
  await chips.getByRole('button', { name: /Red/ }).click();
  await expect(chips.getByRole('button', { name: /Remove filter/ })).toHaveCount(3);
  await page.goBack();
  await expect(chips.getByRole('button', { name: /Remove filter/ })).toHaveCount(4);
  await chips.getByRole('button', { name: 'Clear all' }).click();
  await expect(total(page)).toHaveText('60 products');
});

test('a price range that is typed, and a wrong one', async ({ page }) => {
  const { path } = await category();
  await page.goto(path);
  const filters = page.getByRole('complementary', { name: 'Filters' });
  await filters.getByLabel('Lowest').fill('cheap');
  await filters.getByRole('button', { name: 'Go' }).click();
  await expect(filters.getByRole('alert')).toContainText('amounts');
  await filters.getByLabel('Lowest').fill('20');
  await filters.getByLabel('Highest').fill('10');
  await filters.getByRole('button', { name: 'Go' }).click();
  await expect(filters.getByRole('alert')).toContainText('above the highest');
  await filters.getByLabel('Highest').fill('29.50');
  await filters.getByRole('button', { name: 'Go' }).click();
  await expect(total(page)).toHaveText('10 products');
});

test('sorting', async ({ page }) => {
  const { path } = await category();
  await page.goto(path);
  await page.getByLabel('Sort by').selectOption('Price, high to low');
  await expect(page).toHaveURL(/sort=price_desc/);
  await expect(cards(page).first()).toContainText('$60.00');
  await page.getByLabel('Sort by').selectOption('Price, low to high');
  await expect(cards(page).first()).toContainText('$1.00');
});

test('an endless list comes back as it was left: Back, reload and a shared address', async ({ page }) => {
  const { path } = await category();
  await page.goto(`${path}?sort=price_asc`);
  await expect(cards(page)).toHaveCount(24);
  await page.getByRole('button', { name: 'Show more' }).click();
  await expect(cards(page)).toHaveCount(48);
  await expect(page).toHaveURL(/pages=2/);
  const card = cards(page).nth(40);
  await card.scrollIntoViewIfNeeded();
  const before = await page.evaluate(() => scrollY);
  expect(before).toBeGreaterThan(800);
  await card.getByRole('link').click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('No. 41');
  await expect.poll(() => page.evaluate(() => scrollY)).toBe(0);
  await page.goBack();
  await expect(cards(page)).toHaveCount(48);
  await expect.poll(() => page.evaluate((y) => Math.abs(scrollY - y), before)).toBeLessThan(60);
  await page.reload();
  await expect(cards(page)).toHaveCount(48);
  await page.getByRole('button', { name: 'Show more' }).click();
  await expect(cards(page)).toHaveCount(60);
  await expect(page.getByRole('button', { name: 'Show more' })).toHaveCount(0);
});

test('sub-categories lead down and up', async ({ page }) => {
  const { name, path } = await category();
  await page.goto(path);
  const filters = page.getByRole('complementary', { name: 'Filters' });
  await filters.getByRole('link', { name: /^Small/ }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Small' })).toBeVisible();
  await expect(total(page)).toHaveText('20 products');
  await page.getByRole('navigation', { name: 'Breadcrumbs' }).getByRole('link', { name }).click();
  await expect(total(page)).toHaveText('60 products');
});

test('on a phone the filters are in a drawer', async ({ page }) => {
  const { path } = await category();
  await page.setViewportSize(phone);
  await page.goto(path);
  await page.getByRole('button', { name: 'Filters' }).click();
  const drawer = page.getByRole('dialog', { name: 'Filters' });
  await drawer.getByRole('checkbox', { name: /^Green/ }).check();
  await expect(drawer.getByRole('button', { name: 'Show 20 products' })).toBeVisible();
  await look(page, 'catalogue-filters');
  await drawer.getByRole('button', { name: 'Show 20 products' }).click();
  await expect(drawer).toBeHidden();
  await expect(page.getByRole('list', { name: 'Chosen filters' })).toContainText('Green');
});

test('search suggests while one types, by keyboard alone', async ({ page }) => {
  await page.goto('/');
  const box = page.getByRole('combobox', { name: 'Search the market' });
  await expect(box).toBeVisible();
  await page.keyboard.press('/');
  await expect(box).toBeFocused();
  await page.keyboard.type('tea');
  const list = page.getByRole('listbox', { name: 'Suggestions' });
  await expect(list.getByRole('option', { name: /Enamel Teapot/ })).toBeVisible();
  await expect(box).toHaveAttribute('aria-expanded', 'true');
  await expectSound(page);
  await page.keyboard.press('ArrowDown');
  const first = list.getByRole('option').first();
  await expect(first).toHaveAttribute('aria-selected', 'true');
  await expect(box).toHaveAttribute('aria-activedescendant', (await first.getAttribute('id'))!);
  await page.keyboard.press('Escape');
  await expect(list).toBeHidden();
  await expect(box).toHaveValue('tea');
  await page.keyboard.press('ArrowDown');
  await expect(list).toBeVisible();
  const categories = list.getByRole('group', { name: 'Categories' }).getByRole('option').first();
  while ((await categories.getAttribute('aria-selected')) !== 'true') await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: 'Tea & Coffee' })).toBeVisible();
});

test('suggestions on a phone, and what is typed outlives a turn of it', async ({ page }) => {
  await page.setViewportSize(phone);
  await page.goto('/');
  const box = page.getByRole('combobox');
  await box.pressSequentially('lant');
  const options = page.getByRole('listbox', { name: 'Suggestions' }).getByRole('option');
  await expect(options.filter({ hasText: 'Paper Lantern' })).toBeVisible();
  await expectSound(page);
  await page.setViewportSize({ width: 900, height: 360 });
  await expect(box).toHaveValue('lant');
  await page.setViewportSize(phone);
  await box.press('ArrowDown');
  await options.filter({ hasText: 'Paper Lantern' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Paper Lantern' })).toBeVisible();
});

test('a search by Enter, and its answer', async ({ page }) => {
  await page.goto('/');
  await page.getByRole('combobox').fill('lantern');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL('/search?search=lantern');
  await expect(page.getByRole('heading', { level: 1, name: 'Results for “lantern”' })).toBeVisible();
  await expect(cards(page).first()).toContainText(/lantern/i);
  await look(page, 'search');
});

test('a slip of the finger is put right, and said', async ({ page }) => {
  await page.goto('/search?search=tepot');
  await expect(page.getByText('Nothing is called “tepot”')).toBeVisible();
  await expect(cards(page).first()).toContainText('Teapot');
  await page.getByRole('main').getByRole('link', { name: 'teapot', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Results for “teapot”');
});

test('nothing found helps on', async ({ page }) => {
  await page.goto('/search?search=qqqzzz');
  await expect(page.getByRole('heading', { name: 'Nothing found for “qqqzzz”' })).toBeVisible();
  await expect(page.getByRole('main').getByRole('link', { name: 'Garden' })).toBeVisible();
  await expect(page.getByRole('heading', { name: 'Or one of these' })).toBeVisible();
  await look(page, 'search-nothing');
  await page.goto('/c/Garden?attr.color=Plaid&max_price=1');
  await expect(page.getByRole('heading', { name: 'Nothing fits all of these filters' })).toBeVisible();
  await look(page, 'catalogue-nothing');
  await page.getByRole('button', { name: 'Remove all filters' }).click();
  await expect(cards(page).first()).toBeVisible();
});

test('a category that does not exist', async ({ page }) => {
  await page.goto('/c/No/Such%20Lane');
  await expect(page.getByRole('heading', { level: 1, name: 'There is no such lane' })).toBeVisible();
  await look(page, 'catalogue-missing');
});

test('names that are long, counts that are large', async ({ page }) => {
  await page.goto('/search');
  await expect(cards(page)).toHaveCount(24);
  await look(page, 'catalogue');
});

test('a list that cannot be had says so and can be tried again', async ({ page }) => {
  let down = true;
  await page.route('**/api/products?*', (route) => (down ? route.fulfill({ status: 503, json: { type: '/problems/unavailable', title: 'Not available', status: 503 } }) : route.continue()));
  await page.goto('/c/Garden');
  await expect(page.getByRole('alert')).toContainText('not available just now');
  await expect(page.getByRole('heading', { level: 1, name: 'Garden' })).toBeVisible();
  await look(page, 'catalogue-down');
  down = false;
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(cards(page).first()).toBeVisible();
});

test('while a list is on its way its places are kept', async ({ page }) => {
  let go = () => {};
  const gate = new Promise<void>((done) => { go = done; });
  await page.route('**/api/products?*', async (route) => { await gate; await route.continue(); });
  await page.goto('/c/Garden');
  await expect(page.getByRole('status', { name: 'Loading products' })).toBeVisible();
  await look(page, 'catalogue-waiting');
  go();
  await expect(cards(page).first()).toBeVisible();
});
