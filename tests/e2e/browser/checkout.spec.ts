import type { Request } from '@playwright/test';
import { Admin, cards } from '../support/shop.ts';
import { bought, checkoutWith, fillAddress, fillCard, lookFromTop as look, ordersOf, pay, thanks, timeline } from './buying.ts';
import { desk, expect, phone, test } from './fixtures.ts';

test.setTimeout(150_000);

const isOrder = (request: Request) => request.method() === 'POST' && new URL(request.url()).pathname === '/api/orders';
const expectOneOrder = async (page: Parameters<typeof ordersOf>[0], state = 'confirmed') =>
  expect((await ordersOf(page)).map((o) => o.state)).toEqual([state]);

test('a purchase, from search to the confirmed order', async ({ page }) => {
  const lamp = await (await Admin.signed_in()).product(10);
  await page.goto('/');
  await page.getByRole('combobox', { name: /search/i }).or(page.getByRole('searchbox')).first().fill(lamp.name);
  await page.keyboard.press('Enter');
  await page.getByRole('main').getByRole('link', { name: lamp.name }).first().click();
  await expect(page.getByRole('heading', { level: 1, name: lamp.name })).toBeVisible();
  await page.getByRole('button', { name: /add to cart/i }).first().click();
  await page.getByRole('dialog').getByRole('link', { name: /checkout/i }).click();
  await expect(page).toHaveURL(/\/checkout$/);
  await look(page, 'checkout');

  await fillAddress(page);
  await page.getByRole('button', { name: /^Approved/ }).click();
  await expect(page.getByLabel('Card number')).toHaveValue('4242 4242 4242 4242');
  await expect(page.getByLabel('Name on the card')).toHaveValue('Amira Haddad');
  await look(page, 'checkout-filled');
  await pay(page);
  const id = await bought(page);
  await expect(timeline(page).getByText('Order confirmed')).toBeVisible();
  await expect(page.getByText('Visa ending in 4242')).toBeVisible();
  await expect(page.getByRole('main')).toContainText(lamp.name);
  await look(page, 'order-confirmed');
  const [order] = await ordersOf(page);
  expect(order).toMatchObject({ id, state: 'confirmed', address: { name: 'Amira Haddad', postal_code: '1100-038', country: 'PT' } });
  // The way back leads not into the checkout, and the cart is empty.
  await page.goto('/checkout');
  await expect(page.getByRole('heading', { name: 'Nothing to pay for yet' })).toBeVisible();
  await look(page, 'checkout-empty');
});

test('every field says what is wrong with it, when it is left', async ({ page }) => {
  const lamp = await (await Admin.signed_in()).product(10);
  await checkoutWith(page, [lamp.id, 1]);
  const number = page.getByLabel('Card number');
  await number.pressSequentially('4242424242424241');
  await expect(number).toHaveValue('4242 4242 4242 4241');
  await expect(page.getByText('Visa', { exact: true })).toBeVisible();
  await expect(page.getByText('This number cannot be right')).toHaveCount(0);
  await number.blur();
  await expect(page.getByText('This number cannot be right')).toBeVisible();
  await number.fill('378282246310005');
  await expect(page.getByText('This number cannot be right')).toHaveCount(0);
  await expect(number).toHaveValue('3782 822463 10005');
  // A digit put in the middle stays where it is typed.
  await number.fill('42424242');
  await number.press('Home');
  await number.press('ArrowRight');
  await number.pressSequentially('11');
  await expect(number).toHaveValue('4112 4242 42');
  expect(await number.evaluate((input: HTMLInputElement) => input.selectionStart)).toBe(3);

  const expiry = page.getByLabel('Valid until');
  await expiry.pressSequentially('320');
  await expect(expiry).toHaveValue('03 / 20');
  await expiry.blur();
  await expect(page.getByText('This card has expired.')).toBeVisible();

  await page.getByLabel('Country').selectOption('US');
  await page.getByLabel('ZIP code').fill('1100-038');
  await page.getByLabel('ZIP code').blur();
  await expect(page.getByText('A ZIP code there looks like 94103.')).toBeVisible();
  await pay(page);
  await expect(page.getByLabel('Full name')).toBeFocused();
  await expect(page.getByLabel('Full name')).toHaveAccessibleDescription('Enter the name of who receives it.');
  await look(page, 'checkout-errors');
  expect(await ordersOf(page)).toEqual([]);

  // What was typed outlives a reload, but for the card.
  await page.reload();
  await expect(page.getByLabel('ZIP code')).toHaveValue('1100-038');
  await expect(page.getByLabel('Card number')).toHaveValue('');
});

test('a declined card, then another that pays', async ({ page }) => {
  const lamp = await (await Admin.signed_in()).product(10);
  await checkoutWith(page, [lamp.id, 2]);
  await fillAddress(page);
  await fillCard(page, cards.decline);
  const first = page.waitForRequest(isOrder);
  await pay(page);
  await expect(page.getByText('The card was declined')).toBeVisible();
  await expect(page.getByLabel('City')).toHaveValue('Lisbon');
  await look(page, 'checkout-declined');
  await page.getByRole('button', { name: /^Approved/ }).click();
  const second = page.waitForRequest(isOrder);
  await pay(page);
  await bought(page);
  expect((await first).headers()['idempotency-key']).not.toBe((await second).headers()['idempotency-key']);
  expect((await ordersOf(page)).map((o) => o.state)).toEqual(['confirmed', 'rejected']);
});

test('not enough money on the card', async ({ page }) => {
  const lamp = await (await Admin.signed_in()).product(10);
  await checkoutWith(page, [lamp.id, 1]);
  await fillAddress(page);
  await page.getByRole('button', { name: /^Insufficient funds/ }).click();
  await pay(page);
  await expect(page.getByText('Not enough money on the card')).toBeVisible();
  await page.getByRole('link', { name: 'What happened to this order' }).click();
  await expect(page.getByRole('heading', { level: 1, name: /^Order/ })).toBeVisible();
  await expect(timeline(page).getByText('Order not placed')).toBeVisible();
  await look(page, 'order-declined');
  await page.getByRole('link', { name: 'Try another card' }).click();
  await expect(page.getByLabel('City')).toHaveValue('Lisbon');
});

test('a bank that fails and one that is slow are waited for', async ({ page }) => {
  const lamp = await (await Admin.signed_in()).product(10);
  await checkoutWith(page, [lamp.id, 1]);
  await fillAddress(page);
  await page.getByRole('button', { name: /^Slow/ }).click();
  await pay(page);
  await expect(page.getByRole('heading', { name: 'Placing your order' })).toBeFocused();
  await expect(page.getByRole('list', { name: 'How far the order is' }).getByText('Asking the bank')).toBeVisible();
  await look(page, 'checkout-progress');
  await bought(page);
});

test('less is left than the cart holds', async ({ page }) => {
  const admin = await Admin.signed_in();
  const lamp = await admin.product(5, { name: 'A brass lantern with coloured glass, for the long evenings of the whole household' });
  const rug = await admin.product(5);
  await checkoutWith(page, [lamp.id, 4], [rug.id, 1]);
  await fillAddress(page);
  await fillCard(page);
  const { version } = await admin.stock(lamp.id);
  const counted = await admin.send('PUT', `/inventory/${lamp.id}`, { on_hand: 1 }, { 'if-match': `"${version}"` });
  expect(counted.status, counted.text).toBe(200);
  await pay(page);
  await expect(page.getByText('Your cart has changed')).toBeVisible();
  await expect(page.getByText('only 1 left, you have 4')).toBeVisible();
  await look(page, 'checkout-out-of-stock');
  await page.getByRole('button', { name: 'Take what there is for $25.00' }).click();
  const id = await bought(page);
  expect((await ordersOf(page)).map((o) => [o.id, o.total_minor])).toEqual([[id, 2500]]);
});

test('sold out altogether', async ({ page }) => {
  const admin = await Admin.signed_in();
  const lamp = await admin.product(1);
  await checkoutWith(page, [lamp.id, 1]);
  const { version } = await admin.stock(lamp.id);
  await admin.send('PUT', `/inventory/${lamp.id}`, { on_hand: 0 }, { 'if-match': `"${version}"` });
  await page.reload();
  await expect(page.getByText('has sold out')).toBeVisible();
  await expect(page.getByRole('button', { name: /^Pay / })).toBeDisabled();
  await look(page, 'checkout-sold-out');
  await page.getByRole('button', { name: 'Take it out' }).click();
  await expect(page.getByRole('heading', { name: 'Nothing to pay for yet' })).toBeVisible();
});

test('a price that changed is shown, and accepted with one click', async ({ page }) => {
  const admin = await Admin.signed_in();
  const lamp = await admin.product(10);
  await checkoutWith(page, [lamp.id, 2]);
  await fillAddress(page);
  await fillCard(page);
  const read = await admin.send('GET', `/products/${lamp.id}`);
  const changed = await admin.send('PATCH', `/products/${lamp.id}`, { price_minor: 1500 }, { 'if-match': read.headers.get('etag')! });
  expect(changed.status, changed.text).toBe(200);
  await pay(page);
  await expect(page.getByText('Your cart has changed')).toBeVisible();
  await expect(page.getByRole('status').filter({ hasText: 'costs $15.00 now' })).toBeVisible();
  await look(page, 'checkout-price-changed');
  await page.getByRole('button', { name: 'Continue for $30.00' }).click();
  await bought(page);
  expect((await ordersOf(page)).map((o) => o.total_minor)).toEqual([3000]);
});

test('a double click and a reload make one order', async ({ page }) => {
  const lamp = await (await Admin.signed_in()).product(10);
  await checkoutWith(page, [lamp.id, 1]);
  await fillAddress(page);
  await fillCard(page, cards.slow);
  const sent: Request[] = [];
  page.on('request', (request) => { if (isOrder(request)) sent.push(request); });
  await page.getByRole('button', { name: /^Pay / }).dblclick();
  await expect.poll(() => sent.length).toBe(1);
  // What is sent has been written down before, without the card.
  const kept = await page.evaluate(() => sessionStorage.getItem('souk.checkout.attempt'));
  expect(JSON.parse(kept!)).toMatchObject({ key: sent[0]!.headers()['idempotency-key'], body: sent[0]!.postData() });
  const everything = await page.evaluate(() => JSON.stringify({ ...sessionStorage, ...localStorage }));
  expect(everything).not.toMatch(/4000 ?0000 ?0000 ?0077/);

  await page.reload();
  await expect(page.getByRole('heading', { name: 'Placing your order' })).toBeVisible();
  await bought(page);
  expect(sent.length).toBeGreaterThanOrEqual(2);
  expect(new Set(sent.map((r) => r.headers()['idempotency-key'])).size).toBe(1);
  expect(new Set(sent.map((r) => r.postData())).size).toBe(1);
  await expectOneOrder(page);
  expect(await page.evaluate(() => sessionStorage.getItem('souk.checkout.attempt'))).toBeNull();
});

test('an answer that is lost makes no second order', async ({ page }) => {
  const lamp = await (await Admin.signed_in()).product(10);
  await checkoutWith(page, [lamp.id, 1]);
  await fillAddress(page);
  await fillCard(page);
  let lost = 0;
  await page.route('**/api/orders', async (route) => {
    if (route.request().method() !== 'POST' || lost > 1) return route.fallback();
    lost++;
    await route.fetch();
    await route.abort('connectionreset');
  });
  await pay(page);
  await expect(page.getByText('The store does not answer just now')).toBeVisible();
  await look(page, 'checkout-trouble');
  await bought(page);
  expect(lost).toBe(2);
  await expectOneOrder(page);
});

test('offline in the middle: it goes on when the network is back', async ({ page, context }) => {
  const lamp = await (await Admin.signed_in()).product(10);
  await checkoutWith(page, [lamp.id, 1]);
  await fillAddress(page);
  await fillCard(page);
  await context.setOffline(true);
  await pay(page);
  await expect(page.getByRole('heading', { name: 'Placing your order' })).toBeVisible();
  await expect(page.getByText('Nothing has been ordered or charged yet.')).toBeVisible();
  await look(page, 'checkout-offline');
  await context.setOffline(false);
  await bought(page);
  await expectOneOrder(page);
});

test('a store that is too busy is asked again when it says', async ({ page }) => {
  const lamp = await (await Admin.signed_in()).product(10);
  await checkoutWith(page, [lamp.id, 1]);
  await fillAddress(page);
  await fillCard(page);
  let refused = 0;
  await page.route('**/api/orders', async (route) => {
    if (route.request().method() !== 'POST' || refused++ > 0) return route.fallback();
    await route.fulfill({ status: 503, headers: { 'retry-after': '3' }, contentType: 'application/problem+json', body: '{"type":"/problems/overloaded","title":"Too busy","status":503}' });
  });
  const began = Date.now();
  await pay(page);
  await expect(page.getByText('The store is very busy')).toBeVisible();
  await bought(page);
  expect(Date.now() - began).toBeGreaterThan(2500);
  await expectOneOrder(page);
});

test('what the service finds wrong stands beside its field, and nothing is lost', async ({ page }) => {
  const lamp = await (await Admin.signed_in()).product(10);
  await checkoutWith(page, [lamp.id, 1]);
  await fillAddress(page);
  await fillCard(page);
  await page.route('**/api/orders', (route) => (route.request().method() !== 'POST' ? route.fallback() : route.fulfill({
    status: 400, contentType: 'application/problem+json',
    body: JSON.stringify({ type: '/problems/bad-request', title: 'The request is not valid', status: 400, errors: [{ pointer: '/address/city', detail: 'is too far away' }] }),
  })));
  await pay(page);
  await expect(page.getByLabel('City')).toHaveAccessibleDescription('is too far away');
  await expect(page.getByLabel('City')).toBeFocused();
  await expect(page.getByLabel('Card number')).toHaveValue('4242 4242 4242 4242');
  await page.unroute('**/api/orders');
  await page.getByLabel('City').fill('Porto');
  await pay(page);
  await bought(page);
  await expectOneOrder(page);
});

test('two windows on one cart: one order', async ({ page, context }) => {
  const lamp = await (await Admin.signed_in()).product(10);
  await checkoutWith(page, [lamp.id, 1]);
  const other = await context.newPage();
  await other.goto('/checkout');
  for (const one of [page, other]) {
    await fillAddress(one);
    await fillCard(one, cards.slow);
  }
  await pay(page);
  await expect(page.getByText('Asking the bank')).toBeVisible();
  await pay(other);
  await expect(other.getByRole('heading', { name: 'This cart has been ordered already' })).toBeVisible();
  await look(other, 'checkout-already-ordered');
  const id = await bought(page);
  await other.getByRole('link', { name: 'Go to that order' }).click();
  await expect(other).toHaveURL(new RegExp(id));
  await expectOneOrder(page);
});

test('a session that ended takes neither cart nor address along', async ({ page, context }) => {
  const lamp = await (await Admin.signed_in()).product(10);
  await checkoutWith(page, [lamp.id, 1]);
  await fillAddress(page);
  await fillCard(page);
  await context.clearCookies();
  await pay(page);
  await expect(page.getByText('Your session has expired')).toBeVisible();
  await expect(page.getByLabel('City')).toHaveValue('Lisbon');
  await expect(page.getByRole('button', { name: /^Pay \$12\.50/ })).toBeVisible();
  await look(page, 'checkout-session');
  await pay(page);
  await bought(page);
  await expectOneOrder(page);
});

test('the cart cannot be read', async ({ page }) => {
  await page.goto('/orders');
  const lamp = await (await Admin.signed_in()).product(10);
  await checkoutWith(page, [lamp.id, 1]);
  await page.route('**/api/cart/**', (route) => route.fulfill({ status: 503, contentType: 'application/problem+json', body: '{"type":"/problems/unavailable","title":"The service is unavailable","status":503}' }));
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Your cart: not available just now' })).toBeVisible();
  await look(page, 'checkout-cart-down');
  await page.unroute('**/api/cart/**');
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByRole('button', { name: /^Pay / })).toBeVisible();
});

test('on a phone the total and Pay stay in sight, and cover no field', async ({ page }) => {
  const lamp = await (await Admin.signed_in()).product(10);
  await page.setViewportSize(phone);
  await checkoutWith(page, [lamp.id, 2]);
  const bar = page.getByRole('group', { name: 'Pay', exact: true });
  const button = page.getByRole('button', { name: /^Pay \$25\.00$/ });
  await expect(button).toHaveCount(1);
  await expect(button).toBeInViewport({ ratio: 1 });
  await expect(bar).toContainText('$25.00');
  // Through all fields by keyboard: each is seen whole, above the bar and below the header.
  await page.getByLabel('Full name').focus();
  for (let i = 0; i < 24; i++) {
    if (await button.evaluate((b) => b === document.activeElement)) break;
    const inBar = await bar.evaluate((b) => b.contains(document.activeElement));
    if (!inBar) {
      await expect(async () => {
        const seen = await page.evaluate(() => {
          const { top, bottom } = document.activeElement!.getBoundingClientRect();
          const bar = document.querySelector('[role=group][aria-label=Pay]')!.getBoundingClientRect();
          return { top, free: bar.top - bottom };
        });
        expect(seen.free).toBeGreaterThanOrEqual(0);
        expect(seen.top).toBeGreaterThanOrEqual(56);
      }).toPass({ timeout: 2000 });
    }
    await page.keyboard.press('Tab');
  }
  await expect(button).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByLabel('Full name')).toBeFocused();
  await expect(page.getByText('Enter the name of who receives it.')).toBeInViewport();
  await page.getByRole('button', { name: /^2 items/ }).click();
  await expect(page.getByRole('heading', { name: 'Your order' })).toBeInViewport();
  // A wide window has one, too: in the summary.
  await page.setViewportSize(desk);
  await expect(bar).toHaveCount(0);
  await expect(button).toHaveCount(1);
  await page.setViewportSize(phone);
  await fillAddress(page);
  await fillCard(page);
  await page.getByLabel('Full name').scrollIntoViewIfNeeded();
  await button.click();
  await expect(thanks(page)).toBeVisible();
});

test('a look around the store loses nothing that was typed', async ({ page }) => {
  const lamp = await (await Admin.signed_in()).product(10);
  await checkoutWith(page, [lamp.id, 1]);
  await fillAddress(page);
  await fillCard(page);
  await page.getByRole('link', { name: /Souk/ }).first().click();
  await expect(page).toHaveURL(/\/$/);
  await page.goBack();
  await expect(page.getByLabel('Full name')).toHaveValue('Amira Haddad');
  await expect(page.getByLabel('Card number')).toHaveValue('4242 4242 4242 4242');
  await expect(page.getByLabel('Security code')).toHaveValue('123');
  // Of the card nothing is written anywhere.
  expect(await page.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }]))).not.toMatch(/4242/);
});

test('by keyboard alone', async ({ page }) => {
  const lamp = await (await Admin.signed_in()).product(10);
  await checkoutWith(page, [lamp.id, 1]);
  await page.getByLabel('Full name').focus();
  for (const text of ['Amira Haddad', '', '12 Lantern Lane', '', '1100-038', 'Lisbon', '']) {
    if (await page.evaluate(() => document.activeElement?.tagName === 'SELECT')) await page.keyboard.type('Portug');
    else if (text) await page.keyboard.type(text);
    await page.keyboard.press('Tab');
  }
  await expect(page.getByRole('button', { name: /^Approved/ })).toBeFocused();
  await page.keyboard.press('Space');
  for (let i = 0; i < 6; i++) await page.keyboard.press('Tab');
  await expect(page.getByLabel('Card number')).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(thanks(page)).toBeVisible();
});
