import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { Admin, cards, Shopper } from '../support/shop.ts';
import { root, secret } from '../support/stack.ts';
import { expect, expectSound, look, phone, test } from './fixtures.ts';

// Each look is four screenshots with a run of axe-core.
test.beforeEach(() => test.setTimeout(180_000));

const part = (page: Page, id: string) => page.locator(`[data-id="${id}"]`);
const dialog = (page: Page) => page.getByRole('dialog');
const sample = readFileSync(`${root}/app/frontend/src/system/trace.sample.json`, 'utf8');
const traced = '01a20441-8e8a-753a-ba5f-9f491284ded7';

async function enter(page: Page, path = '/system') {
  await page.goto(path);
  await page.getByRole('button', { name: 'Sign in for the figures' }).click();
  await dialog(page).getByLabel('Password').fill(secret('admin-password'));
  await dialog(page).getByRole('button', { name: 'Sign in' }).click();
  await expect(dialog(page)).toHaveCount(0);
  await expect(part(page, 'order')).toHaveAccessibleName(/Order, up, version .*(requests a second|no figures)/);
}

test('everybody sees what there is, and that it is up', async ({ page }) => {
  await page.goto('/system');
  await expect(page.getByRole('status').filter({ hasText: 'All five services are up' })).toBeVisible();
  for (const name of ['Product', 'Cart', 'Order', 'Payment', 'Inventory'])
    await expect(page.getByRole('button', { name: new RegExp(`^${name}, up, version \\d`) })).toBeVisible();
  await expect(page.getByRole('button', { name: /^Gateway, up/ })).toBeVisible();
  for (const call of ['Order to Cart', 'Order to Product', 'Order to Inventory', 'Order to Payment', 'Cart to Product',
    'Cart to Inventory', 'Product to Inventory', 'Payment to Mock gateway'])
    await expect(page.getByRole('button', { name: `Calls from ${call}` })).toBeVisible();
  await page.getByText('The same as a table').click();
  await expect(page.getByRole('table', { name: 'Parts of the system' }).getByRole('rowheader', { name: 'Cart’s Redis' })).toBeVisible();
  await expect(page.getByRole('table', { name: 'Calls between the parts' }).getByRole('row')).toHaveCount(1 + 1 + 5 + 8);
  await page.getByText('The same as a table').click();
  await look(page, 'system');
});

test('by keyboard: one stop, arrows from part to part, Enter shows it', async ({ page }) => {
  await page.setViewportSize({ width: 1280, height: 860 });
  await page.goto('/system');
  await part(page, 'gateway').focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await expect(part(page, 'cart')).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('region', { name: 'Cart' })).toContainText('Carts and sessions');
  await page.getByRole('region', { name: 'Cart' }).getByRole('button', { name: 'Inventory' }).click();
  await expect(page.getByRole('region', { name: 'Cart to Inventory' })).toContainText('Live availability');
  await page.getByRole('region', { name: 'Cart to Inventory' }).getByRole('button', { name: 'Close' }).click();
  await expect(page.getByRole('region', { name: 'Cart to Inventory' })).toHaveCount(0);
});

test('on a phone a part opens over the map', async ({ page }) => {
  await page.setViewportSize(phone);
  await page.goto('/system');
  await part(page, 'inventory').click();
  await expect(dialog(page).getByText('Stock, reservations and the ledger.')).toBeVisible();
  await expectSound(page);
  await dialog(page).getByRole('button', { name: 'Close' }).click();
  await expect(dialog(page)).toHaveCount(0);
});

test('a wrong password is said beside the field', async ({ page }) => {
  await page.goto('/system');
  await page.getByRole('button', { name: 'Sign in for the figures' }).click();
  await dialog(page).getByRole('button', { name: 'Sign in' }).click();
  await expect(dialog(page).getByText('Enter the password.')).toBeVisible();
  await dialog(page).getByLabel('Password').fill('wrong');
  await dialog(page).getByRole('button', { name: 'Sign in' }).click();
  await expect(dialog(page).getByText('User name or password is wrong.')).toBeVisible();
  await expectSound(page);
});

test('shoppers are sent: they make orders, the map moves, and the visitor stays who they are', async ({ page, context }) => {
  const placed: Promise<{ status: number; body: any }>[] = [];
  const cookies: (string | undefined)[] = [];
  page.on('request', (request) => {
    if (request.url().endsWith('/api/orders') && request.method() === 'POST') cookies.push(request.headers().cookie);
  });
  page.on('response', (response) => {
    if (response.url().endsWith('/api/orders') && response.request().method() === 'POST' && response.status() === 201)
      placed.push(response.json().then((body) => ({ status: response.status(), body })));
  });
  await page.goto('/system');
  await page.getByRole('button', { name: 'Send shoppers' }).click();
  await expect(part(page, 'gateway>product')).toHaveAccessibleName(/requests a second from this browser/);
  const confirmed = page.getByLabel('What the shoppers did').locator('div').filter({ hasText: 'Confirmed' }).locator('dd');
  await expect(confirmed).toHaveText(/^[1-9]/, { timeout: 20_000 });
  await page.getByRole('button', { name: /^Stop/ }).click();
  await expect(page.getByRole('button', { name: 'Send more' })).toBeVisible({ timeout: 45_000 });
  await expect(page.getByLabel('What the shoppers did').locator('div').filter({ hasText: 'Errors' }).locator('dd')).toHaveText('0');
  const orders = await Promise.all(placed);
  expect(orders.length).toBeGreaterThan(0);
  const admin = await Admin.signed_in();
  for (const { body } of orders) expect((await admin.send('GET', `/orders/${body.id}`)).status).toBe(200);
  expect(cookies.every((c) => c === undefined)).toBe(true);
  expect((await context.cookies()).map((c) => c.name).filter((n) => /shopper/.test(n))).toEqual([]);
  await look(page, 'system-shoppers');
});

test('the administrator sees the figures, and one that fails leaves the rest', async ({ page }) => {
  const shopper = await Shopper.arrive();
  const lamp = await (await Admin.signed_in()).product(9);
  await shopper.buy(lamp.id);
  await shopper.buy(lamp.id, 1, cards.decline);
  await enter(page);
  // Prometheus looks each few seconds, and needs two looks for a rate.
  await expect(async () => {
    await shopper.add(lamp.id);
    await expect(part(page, 'cart')).toHaveAccessibleName(/(?<!\d)(?!0 )[\d.<]+ requests a second/, { timeout: 2000 });
  }).toPass({ timeout: 40_000 });
  await expect(part(page, 'cart>inventory')).toHaveAccessibleName(/breaker closed/);
  await expect(page.getByRole('list', { name: 'Orders on their way, by state' }).getByRole('listitem')).toHaveCount(6);
  await expect(page.getByText('Orders needing attention')).toBeVisible();
  await page.setViewportSize({ width: 1280, height: 860 });
  await part(page, 'cart').click();
  await expect(page.getByRole('img', { name: /^Requests a second, the last half hour/ })).toBeVisible();
  await look(page, 'system-figures');

  await page.route('**/api/system/metrics/checkout', (route) => route.fulfill({ status: 500, body: '{}' }));
  await page.reload();
  await expect(page.getByText('There are no figures of checkouts at the moment.')).toBeVisible();
  await expect(page.getByText('Some figures are missing')).toBeVisible();
  await expect(part(page, 'cart')).toHaveAccessibleName(/requests a second/);
});

test('an expired sign-in shows what everybody sees', async ({ page, context }) => {
  await enter(page);
  await context.clearCookies();
  await expect(page.getByRole('button', { name: 'Sign in for the figures' })).toBeVisible({ timeout: 20_000 });
  await expect(part(page, 'order')).toHaveAccessibleName(/^Order, up, version [^,]*$/);
});

test('the trace of an order is a waterfall', async ({ page }) => {
  await page.route('**/api/system/traces/*', (route) => route.fulfill({ status: 200, contentType: 'application/json', body: sample }));
  await enter(page, `/system?order=${traced}`);
  const spans = page.getByRole('list', { name: /^Spans/ });
  await expect(spans.getByRole('listitem')).toHaveCount(31);
  await page.getByLabel(/Database statements/).check();
  await expect(spans.getByRole('listitem')).toHaveCount(57);
  await page.getByLabel(/Database statements/).uncheck();
  await page.getByRole('list', { name: 'Steps of the checkout' }).getByRole('button', { name: /^authorize/ }).click();
  await expect(page.getByRole('button', { name: /^checkout authorize, order/ })).toBeFocused();
  await expect(spans.getByText('souk.outcome')).toBeVisible();
  await page.keyboard.press('ArrowDown');
  await expect(page.getByRole('button', { name: /^POST payment, order/ }).first()).toBeFocused();
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowLeft');
  await expect(spans.getByRole('listitem')).toHaveCount(1);
  await page.keyboard.press('ArrowRight');
  await expect(spans.getByRole('listitem')).toHaveCount(31);
  await look(page, 'system-trace');
});

test('an order is chosen from the recent ones, or by its number', async ({ page }) => {
  const shopper = await Shopper.arrive();
  const lamp = await (await Admin.signed_in()).product(2);
  const order = (await shopper.buy(lamp.id)).body;
  await page.route('**/api/system/traces/*', (route) => route.fulfill({ status: 200, contentType: 'application/json', body: '{"data":[],"errors":null}' }));
  await enter(page);
  await page.getByRole('button', { name: 'Show its trace' }).click();
  await expect(page.getByText('That is no order number')).toBeVisible();
  await page.getByLabel('Order number').fill(order.id);
  await page.getByRole('button', { name: 'Show its trace' }).click();
  await expect(page).toHaveURL(new RegExp(`order=${order.id}`));
  await expect(page.getByText('No trace of this order')).toBeVisible();
  await page.getByRole('list', { name: 'Recent orders' }).getByRole('link').last().click();
  await expect(page).not.toHaveURL(new RegExp(`order=${order.id}`));
  await page.goBack();
  await expect(page).toHaveURL(new RegExp(`order=${order.id}`));
});

test('without a trace store it says how to get one', async ({ page }) => {
  await enter(page, `/system?order=${traced}`);
  await expect(page.getByText('No trace store is configured')).toBeVisible();
  await expect(page.getByText('JAEGER_QUERY_URL', { exact: true })).toBeVisible();
  await page.route('**/api/system/traces/*', (route) => route.fulfill({ status: 502, body: '{}' }));
  await page.reload();
  await expect(page.getByText('The trace store does not answer')).toBeVisible();
});
