import { Admin, cards } from '../support/shop.ts';
import { pids, until, url } from '../support/stack.ts';
import { call } from '../support/shop.ts';
import { bought, checkoutWith, fillAddress, fillCard, lookFromTop as look, ordersOf, pay, timeline } from './buying.ts';
import { expect, test } from './fixtures.ts';

const ready = (service: 'order' | 'payment' | 'cart') => until(`${service} to be ready`, 60_000, async () =>
  (await call('GET', `${url(service)}/health/ready`)).status === 200);

async function kill(program: string) {
  const before = pids(program);
  for (const pid of before) process.kill(pid, 'SIGKILL');
  await until(`${program} to be started again`, 30_000, async () => {
    const now = pids(program);
    return now.length > 0 && !now.some((pid) => before.includes(pid));
  });
}

test('order-service is killed while it places an order', async ({ page }) => {
  test.setTimeout(180_000);
  const lamp = await (await Admin.signed_in()).product(10);
  await checkoutWith(page, [lamp.id, 2]);
  await fillAddress(page);
  await fillCard(page, cards.slow);
  await pay(page);
  await expect(page.getByText('Asking the bank')).toBeVisible({ timeout: 20_000 });
  await kill('order-service');
  await expect(page.getByText('The store does not answer just now').or(page.getByText('Thank you, Amira'))).toBeVisible({ timeout: 30_000 });
  await bought(page);
  await expect(timeline(page).getByText(/Order confirmed.*done/)).toBeVisible({ timeout: 60_000 });
  expect((await ordersOf(page)).map((o) => o.state)).toEqual(['confirmed']);
});

test('the order\'s page lives across a kill of order-service', async ({ page }) => {
  test.setTimeout(180_000);
  const admin = await Admin.signed_in();
  const lamp = await admin.product(10);
  await checkoutWith(page, [lamp.id, 1]);
  await fillAddress(page);
  await fillCard(page);
  await pay(page);
  const id = await bought(page);
  await expect(timeline(page).getByText(/Order confirmed.*done/)).toBeVisible();
  await kill('order-service');
  await ready('order');
  const shipped = await admin.send('PATCH', `/orders/${id}/status`, { status: 'shipped' });
  expect(shipped.status, shipped.text).toBe(200);
  await expect(timeline(page).getByText(/On its way.*done/)).toBeVisible({ timeout: 40_000 });
  await expect(timeline(page).getByRole('listitem')).toHaveCount(8);
  await expect(page.getByText('Live', { exact: true })).toBeVisible();
});

test('payment-service stands still: the order is pending for long, and says so', async ({ page }) => {
  test.setTimeout(240_000);
  const lamp = await (await Admin.signed_in()).product(10);
  await checkoutWith(page, [lamp.id, 1]);
  await fillAddress(page);
  await fillCard(page, cards.slow);
  await pay(page);
  await expect(page.getByText('Asking the bank')).toBeVisible({ timeout: 20_000 });
  const stopped = pids('payment-service');
  for (const pid of stopped) process.kill(pid, 'SIGSTOP');
  try {
    // After some seconds the answer is 202, and the order's page follows the order.
    await expect(page).toHaveURL(/\/orders\//, { timeout: 60_000 });
    await expect(page.getByRole('heading', { level: 1, name: 'We have your order' })).toBeVisible();
    await expect(page.getByText('This takes longer than usual')).toBeVisible({ timeout: 60_000 });
    await look(page, 'order-pending-long');
  } finally {
    for (const pid of stopped) process.kill(pid, 'SIGCONT');
  }
  await bought(page);
  expect((await ordersOf(page)).map((o) => o.state)).toEqual(['confirmed']);
});
