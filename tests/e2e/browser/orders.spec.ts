import { Admin, cards } from '../support/shop.ts';
import { buy, checkoutWith, fillAddress, fillCard, fillCart, lookFromTop as look, ordersOf, pay, timeline } from './buying.ts';
import { expect, test } from './fixtures.ts';

test.setTimeout(150_000);

test('an order is followed live until it is delivered', async ({ page }) => {
  const admin = await Admin.signed_in();
  const lamp = await admin.product(10);
  const id = await buy(page, [lamp.id, 2]);
  await expect(page.getByText('Live', { exact: true })).toBeVisible();
  await expect(timeline(page).getByText(/On its way.*still to come/)).toBeVisible();
  expect((await admin.send('PATCH', `/orders/${id}/status`, { status: 'shipped' })).status).toBe(200);
  await expect(timeline(page).getByText(/On its way.*done/)).toBeVisible();
  await expect(page.getByRole('button', { name: 'Cancel the order' })).toHaveCount(0);
  expect((await admin.send('PATCH', `/orders/${id}/status`, { status: 'delivered' })).status).toBe(200);
  await expect(timeline(page).getByText(/Delivered.*done/)).toBeVisible();
  await expect(page.getByText('Live', { exact: true })).toHaveCount(0);
  // Each is told once, with a time, also after a reload.
  await page.reload();
  await expect(timeline(page).getByRole('listitem')).toHaveCount(8);
  await expect(timeline(page).getByRole('time')).toHaveCount(8);
});

test('money paid back after the delivery is told without a reload', async ({ page }) => {
  const admin = await Admin.signed_in();
  const lamp = await admin.product(10);
  const id = await buy(page, [lamp.id, 2]);
  for (const status of ['shipped', 'delivered'])
    expect((await admin.send('PATCH', `/orders/${id}/status`, { status })).status).toBe(200);
  await expect(timeline(page).getByText(/Delivered.*done/)).toBeVisible();
  const refund = await admin.send('POST', `/orders/${id}/refunds`, { amount_minor: 1250, reason: 'One came too late' }, { 'idempotency-key': `refund-${id}` });
  expect([201, 202], refund.text).toContain(refund.status);
  await expect(timeline(page).getByText('Money paid back')).toBeVisible({ timeout: 20_000 });
  await expect(page.getByText('$12.50 refunded')).toBeVisible();
  await expect(page.getByText('One came too late')).toBeVisible();
});

test('a reload goes on after the last event', async ({ page }) => {
  const admin = await Admin.signed_in();
  const lamp = await admin.product(10);
  const id = await buy(page, [lamp.id, 1]);
  await expect(timeline(page).getByText(/Order confirmed.*done/)).toBeVisible();
  const asked = page.waitForRequest((r) => r.url().endsWith(`/api/orders/${id}/events`));
  await page.reload();
  expect((await asked).headers()['last-event-id']).toBe('6');
  await expect(timeline(page).getByText(/Order confirmed.*done/)).toBeVisible();
  expect((await admin.send('PATCH', `/orders/${id}/status`, { status: 'shipped' })).status).toBe(200);
  await expect(timeline(page).getByText(/On its way.*done/)).toBeVisible();
});

test('an order is cancelled after asking, and the money goes back', async ({ page }) => {
  const admin = await Admin.signed_in();
  const lamp = await admin.product(10);
  const id = await buy(page, [lamp.id, 2]);
  await page.getByRole('button', { name: 'Cancel the order' }).click();
  const dialog = page.getByRole('dialog', { name: 'Cancel this order?' });
  await expect(dialog).toContainText('$25.00');
  await look(page, 'order-cancel');
  await dialog.getByRole('button', { name: 'Keep the order' }).click();
  await expect(dialog).toHaveCount(0);
  expect((await ordersOf(page))[0].cancel_requested).toBe(false);

  await page.getByRole('button', { name: 'Cancel the order' }).click();
  await dialog.getByRole('button', { name: 'Yes, cancel it' }).click();
  await expect(page.getByText('This order is cancelled')).toBeVisible({ timeout: 30_000 });
  await expect(page.getByText('$25.00 went back to your card.')).toBeVisible();
  await expect(timeline(page).getByText('Money paid back')).toBeVisible();
  await look(page, 'order-cancelled');
  expect((await ordersOf(page)).map((o) => [o.id, o.state, o.refunded_minor])).toEqual([[id, 'cancelled', 2500]]);
  await admin.stock_is(lamp.id, 10);
});

test('too late to cancel', async ({ page }) => {
  const admin = await Admin.signed_in();
  const lamp = await admin.product(10);
  const id = await buy(page, [lamp.id, 1]);
  await page.getByRole('button', { name: 'Cancel the order' }).click();
  expect((await admin.send('PATCH', `/orders/${id}/status`, { status: 'shipped' })).status).toBe(200);
  // The page hears of it at once; a click that comes just before is answered by the service.
  const dialog = page.getByRole('dialog', { name: 'Cancel this order?' });
  const wish = dialog.getByRole('button', { name: 'Yes, cancel it' });
  await wish.click({ timeout: 1000 }).catch(() => {});
  await expect(timeline(page).getByText(/On its way.*done/)).toBeVisible();
  expect((await ordersOf(page))[0]).toMatchObject({ state: 'shipped', cancel_requested: false });
});

test('a part is refunded', async ({ page }) => {
  const admin = await Admin.signed_in();
  const lamp = await admin.product(10);
  const id = await buy(page, [lamp.id, 2]);
  const refund = await admin.send('POST', `/orders/${id}/refunds`,
    { amount_minor: 1250, reason: 'One arrived with a crack', lines: [{ product_id: lamp.id, quantity: 1 }] }, { 'idempotency-key': `refund-${id}` });
  expect([201, 202], refund.text).toContain(refund.status);
  await expect(page.getByText('$12.50 refunded')).toBeVisible();
  await expect(page.getByText('One arrived with a crack')).toBeVisible();
  await expect(page.getByText('1 sent back')).toBeVisible();
  await expect(timeline(page).getByText('Items back on the shelf')).toBeVisible();
  await look(page, 'order-refunded');
});

test('large orders with long names', async ({ page }) => {
  const admin = await Admin.signed_in();
  const many = await Promise.all([1, 2, 3, 4, 5, 6].map((i) => admin.product(1000, {
    name: `Hand-knotted wool carpet with indigo medallion and pomegranate border, size ${i}, Donaudampfschifffahrtsgesellschaftskapitän`,
    price_minor: 99_999_999,
  })));
  await checkoutWith(page, ...many.map((p): [string, number] => [p.id, 1000]));
  await look(page, 'checkout-large');
  await fillAddress(page);
  await fillCard(page);
  await page.getByLabel('Full name').fill('Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh Montgomery');
  await pay(page);
  await expect(page.getByText('$5,999,999,940.00').first()).toBeVisible({ timeout: 30_000 });
  await expect(timeline(page)).toBeVisible({ timeout: 30_000 });
  await look(page, 'order-large');
});

test('the list of orders: none, some, more', async ({ page }) => {
  await page.goto('/orders');
  await expect(page.getByRole('heading', { name: 'No orders yet' })).toBeVisible();
  await look(page, 'orders-empty');
  const admin = await Admin.signed_in();
  const [lamp, other] = await Promise.all([admin.product(100), admin.product(100)]);
  await buy(page, [lamp.id, 1], [other.id, 1]);
  await checkoutWith(page, [lamp.id, 1]);
  await fillAddress(page);
  await fillCard(page, cards.decline);
  await pay(page);
  await expect(page.getByText('The card was declined')).toBeVisible();

  // The rest by the API, as this browser's shopper.
  await fillCart(page, [lamp.id, 1]);
  const made = await page.evaluate(async ([product, address]) => {
    const json = { 'content-type': 'application/json' };
    const user = localStorage.getItem('souk.shopper');
    for (let i = 0; i < 12; i++) {
      const cart = await (await fetch(`/api/cart/${user}/items`, { method: 'POST', headers: json, body: JSON.stringify({ product_id: product, quantity: 1 }) })).json();
      const token = await (await fetch('/api/payments/tokens', {
        method: 'POST', headers: json, body: JSON.stringify({ number: '4242424242424242', exp_month: 12, exp_year: new Date().getFullYear() + 1, cvc: '123', name: 'A' }),
      })).json();
      const order = await fetch('/api/orders', {
        method: 'POST', headers: { ...json, 'idempotency-key': `list-${user}-${i}` },
        body: JSON.stringify({ cart_revision: cart.revision, expected_total_minor: cart.total_minor, currency: cart.currency, payment_token: token.payment_token, address }),
      });
      if (order.status >= 300) return await order.text();
    }
    return '';
  }, [lamp.id, { name: 'Amira', line1: '12 Lantern Lane', city: 'Lisbon', postal_code: '1100-038', country: 'PT' }] as const);
  expect(made).toBe('');
  await page.goto('/orders');
  const rows = page.getByRole('main').getByRole('listitem');
  await expect(rows).toHaveCount(12);
  await expect(page.getByText('Confirmed').first()).toBeVisible();
  await look(page, 'orders');
  await page.getByRole('button', { name: 'Show more' }).click();
  await expect(rows).toHaveCount(14);
  await expect(rows.last()).toContainText('and 1 more');
  await expect(rows.nth(12)).toContainText('Declined');
  await rows.last().getByRole('link').click();
  await expect(page.getByRole('heading', { level: 1, name: /^Order/ })).toBeVisible();
});

test('an order that does not exist, or is somebody else\'s', async ({ page }) => {
  await page.goto('/orders/0190d1a2-0000-7000-8000-000000000000');
  await expect(page.getByRole('heading', { name: 'No such order here' })).toBeVisible();
  await look(page, 'order-missing');
  await page.goto('/orders/nonsense');
  await expect(page.getByRole('heading', { name: 'No such order here' })).toBeVisible();
});

test('when the orders cannot be read, the page says so and comes back', async ({ page }) => {
  const lamp = await (await Admin.signed_in()).product(10);
  const id = await buy(page, [lamp.id, 1]);
  const down = { status: 503, contentType: 'application/problem+json', body: '{"type":"/problems/unavailable","title":"The service is unavailable","status":503}' };
  await page.route('**/api/orders**', (route) => route.fulfill(down));
  await page.route('**/api/orders/**', (route) => route.fulfill(down));
  await page.goto('/orders');
  await expect(page.getByRole('heading', { name: 'Not available just now' })).toBeVisible();
  await look(page, 'orders-down');
  await page.unroute('**/api/orders**');
  await page.unroute('**/api/orders/**');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('main').getByRole('link').first().click();
  await expect(page).toHaveURL(new RegExp(id));
});
