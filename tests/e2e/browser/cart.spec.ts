import { randomUUID } from 'node:crypto';
import type { Page } from '@playwright/test';
import { Admin } from '../support/shop.ts';
import { desk, expect, look, phone, test } from './fixtures.ts';

// Looking at a page in four ways takes its time on a small machine.
test.describe.configure({ timeout: 180_000 });

const drawer = (page: Page) => page.getByRole('dialog', { name: /Your cart/ });
const line = (page: Page, name: string) => drawer(page).getByRole('list', { name: 'Lines' }).getByRole('listitem').filter({ hasText: name });

async function add(page: Page, product: { slug: string }) {
  await page.goto(`/p/${product.slug}`);
  await page.getByRole('main').getByRole('button', { name: 'Add to cart' }).click();
  await expect(drawer(page)).toBeVisible();
}

async function reprice(admin: Admin, product: any, price: number) {
  const answer = await admin.send('PATCH', `/products/${product.id}`, { price_minor: price }, { 'if-match': '*' });
  expect(answer.status, answer.text).toBe(200);
}

async function adjust(admin: Admin, product: any, delta: number) {
  const answer = await admin.send('POST', `/inventory/${product.id}/adjustments`, { delta, reason: 'correction' }, { 'idempotency-key': randomUUID() });
  expect(answer.status, answer.text).toBe(200);
}

test('what is added is in the drawer; steps change it; it opens from anywhere', async ({ page }) => {
  const admin = await Admin.signed_in();
  const lamp = await admin.product(20);
  await add(page, lamp);
  await expect(line(page, lamp.name)).toContainText('$12.50');
  await line(page, lamp.name).getByRole('button', { name: 'One more' }).click();
  await line(page, lamp.name).getByRole('button', { name: 'One more' }).click();
  await expect(drawer(page)).toContainText('$37.50');
  const quantity = line(page, lamp.name).getByRole('textbox', { name: /^Quantity/ });
  await quantity.fill('7');
  await quantity.press('Enter');
  await expect(drawer(page)).toContainText('$87.50');
  await look(page, 'cart');
  await page.keyboard.press('Escape');
  await page.goto('/system');
  await page.getByRole('button', { name: 'Cart, 7 items' }).click();
  await expect(quantity).toHaveValue('7');
  await expect(drawer(page).getByRole('link', { name: 'Go to checkout' })).toBeVisible();
});

test('a line is removed, and put back', async ({ page }) => {
  const admin = await Admin.signed_in();
  const lamp = await admin.product(20);
  await add(page, lamp);
  await line(page, lamp.name).getByRole('button', { name: 'One more' }).click();
  await line(page, lamp.name).getByRole('button', { name: `Remove ${lamp.name}` }).click();
  await expect(drawer(page).getByText(`${lamp.name} has been taken out.`)).toBeVisible();
  await expect(drawer(page).getByText('Nothing in it yet')).toBeVisible();
  await expect(drawer(page).getByRole('button', { name: 'Undo' })).toBeFocused();
  await look(page, 'cart-removed');
  await page.keyboard.press('Enter');
  await expect(line(page, lamp.name).getByRole('textbox')).toHaveValue('2');
});

test('a change that is refused is taken back, and said', async ({ page }) => {
  const lamp = await (await Admin.signed_in()).product(20);
  await add(page, lamp);
  await expect(page.getByRole('button', { name: 'Cart, 1 item', includeHidden: true })).toBeAttached();
  await page.route('**/api/cart/*/items/*', (route) => route.fulfill({ status: 503, json: { type: '/problems/unavailable', title: 'Not available', status: 503 } }));
  await line(page, lamp.name).getByRole('button', { name: 'One more' }).click();
  await expect(drawer(page).getByRole('alert')).toContainText('The cart is as it was');
  await expect(line(page, lamp.name).getByRole('textbox')).toHaveValue('1');
  await expect(drawer(page)).toContainText('$12.50');
  await look(page, 'cart-refused');
});

test('a price that has changed since, in both directions', async ({ page }) => {
  const admin = await Admin.signed_in();
  const [up, down] = [await admin.product(20), await admin.product(20)];
  await add(page, up);
  await page.keyboard.press('Escape');
  await add(page, down);
  await page.keyboard.press('Escape');
  await reprice(admin, up, 1500);
  await reprice(admin, down, 1000);
  await page.getByRole('button', { name: /^Cart/ }).click();
  await expect(line(page, up.name)).toContainText('Dearer than when you added it: $15.00 instead of $12.50');
  await expect(line(page, down.name)).toContainText('Cheaper than when you added it: $10.00 instead of $12.50');
  await expect(drawer(page)).toContainText('$25.00');
  await look(page, 'cart-prices');
});

test('stock that has gone since is said on the line, and stops the checkout until it is put right', async ({ page }) => {
  const admin = await Admin.signed_in();
  const [few, none, gone] = [await admin.product(8), await admin.product(8), await admin.product(8)];
  for (const product of [few, none, gone]) {
    await add(page, product);
    await page.keyboard.press('Escape');
  }
  await page.getByRole('button', { name: /^Cart/ }).click();
  const quantity = line(page, few.name).getByRole('textbox');
  await quantity.fill('5');
  await quantity.press('Enter');
  await expect(drawer(page)).toContainText('$87.50');
  await page.keyboard.press('Escape');
  await adjust(admin, few, -6);
  await adjust(admin, none, -8);
  expect((await admin.send('DELETE', `/products/${gone.id}`, undefined, { 'if-match': '*' })).status).toBe(204);
  await page.reload();
  await page.getByRole('button', { name: /^Cart/ }).click();
  await expect(line(page, few.name)).toContainText('Only 2 left');
  await expect(line(page, none.name)).toContainText('Sold out meanwhile');
  await expect(line(page, gone.name)).toContainText('No longer sold');
  await expect(drawer(page)).toContainText('3 lines need your attention first');
  await expect(drawer(page).getByRole('button', { name: 'Go to checkout' })).toBeDisabled();
  await look(page, 'cart-problems');
  await line(page, few.name).getByRole('button', { name: 'Take 2' }).click();
  await line(page, none.name).getByRole('button', { name: /^Remove/ }).click();
  await line(page, gone.name).getByRole('button', { name: /^Remove/ }).click();
  await expect(drawer(page).getByRole('link', { name: 'Go to checkout' })).toBeVisible();
  await expect(drawer(page)).toContainText('$25.00');
});

test('a part of the store that is down does not take the cart along', async ({ page }) => {
  const lamp = await (await Admin.signed_in()).product(20);
  await add(page, lamp);
  await expect(drawer(page).getByRole('link', { name: 'Go to checkout' })).toBeVisible();
  await page.keyboard.press('Escape');
  // As cart-service answers without inventory.
  await page.route('**/api/cart/*', async (route) => {
    if (route.request().method() !== 'GET') return route.continue();
    const answer = await route.fetch();
    const cart = await answer.json();
    cart.lines.forEach((l: any) => { l.status = 'unknown'; l.available = 0; });
    await route.fulfill({ response: answer, json: { ...cart, buyable: false, degraded: true } });
  });
  await page.getByRole('button', { name: /^Cart/ }).click();
  await expect(drawer(page)).toContainText('Price and stock can\'t be checked just now');
  await expect(drawer(page).getByRole('button', { name: 'Check again' })).toBeVisible();
  await look(page, 'cart-degraded');
  await page.unroute('**/api/cart/*');
  await drawer(page).getByRole('button', { name: 'Check again' }).click();
  await expect(drawer(page).getByRole('link', { name: 'Go to checkout' })).toBeVisible();
});

test('a cart that cannot be had, and an empty one', async ({ page }) => {
  await page.goto('/');
  await page.getByRole('button', { name: 'Cart, empty' }).click();
  await expect(drawer(page).getByText('Nothing in it yet')).toBeVisible();
  await look(page, 'cart-empty');
  await page.keyboard.press('Escape');
  const lamp = await (await Admin.signed_in()).product(20);
  await add(page, lamp);
  await page.route('**/api/cart/*', (route) => route.fulfill({ status: 503, json: { type: '/problems/unavailable', title: 'Not available', status: 503 } }));
  await page.goto('/');
  await page.getByRole('button', { name: /^Cart/ }).click();
  await expect(drawer(page).getByRole('alert')).toContainText('not available just now');
  await look(page, 'cart-down');
  await page.unroute('**/api/cart/*');
  await drawer(page).getByRole('button', { name: 'Try again' }).click();
  await expect(line(page, lamp.name)).toBeVisible();
});

for (const size of [phone, desk]) {
  test(`behind the open drawer the page stands still, at ${size.width}`, async ({ page }) => {
    await page.setViewportSize(size);
    await page.goto('/search');
    await expect(page.getByRole('main').getByRole('article')).toHaveCount(24);
    await page.getByRole('button', { name: /^Cart/ }).click();
    await expect(drawer(page)).toBeVisible();
    await page.mouse.move(40, 400);
    await page.mouse.wheel(0, 1200);
    await page.keyboard.press('PageDown');
    await expect.poll(() => page.evaluate(() => scrollY)).toBe(0);
    await page.keyboard.press('Escape');
    await page.mouse.wheel(0, 600);
    await expect.poll(() => page.evaluate(() => scrollY)).toBeGreaterThan(100);
  });
}
