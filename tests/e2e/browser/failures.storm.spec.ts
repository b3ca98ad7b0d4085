import { Admin } from '../support/shop.ts';
import { souk, stack } from '../support/stack.ts';
import { spawnSync } from 'node:child_process';
import { bought, checkoutWith, fillAddress, fillCard, lookFromTop as look, ordersOf, pay } from './buying.ts';
import { expect, test } from './fixtures.ts';

// The supervisor's hand on one program: what is stopped stays stopped.
function supervise(action: 'start' | 'stop', program: string) {
  const done = spawnSync('supervisorctl', ['-c', `${stack().state}/etc/supervisord.conf`, action, program], { encoding: 'utf8', timeout: 60_000 });
  expect(done.stdout + done.stderr).toMatch(/started|stopped|ERROR \((already started|not running)\)/);
}

async function whileStopped(program: string, work: () => Promise<void>) {
  supervise('stop', program);
  try {
    await work();
  } finally {
    supervise('start', program);
  }
}

test('order-service is stopped during checkout: nothing is lost, and it goes on by itself', async ({ page }) => {
  test.setTimeout(240_000);
  const lamp = await (await Admin.signed_in()).product(10);
  await checkoutWith(page, [lamp.id, 1]);
  await fillAddress(page);
  await fillCard(page);
  await whileStopped('order-service', async () => {
    await pay(page);
    await expect(page.getByText('The store does not answer just now')).toBeVisible({ timeout: 30_000 });
    await look(page, 'checkout-order-service-down');
    await page.reload();
    await expect(page.getByRole('heading', { name: 'Placing your order' })).toBeVisible();
    // The rest of the shop goes on.
    await page.goto('/orders');
    await expect(page.getByRole('button', { name: 'Try again' })).toBeVisible({ timeout: 30_000 });
    await page.goto(`/p/${lamp.id}`);
    await expect(page.getByRole('heading', { level: 1, name: lamp.name })).toBeVisible();
    await page.goto('/checkout');
    await expect(page.getByRole('heading', { name: 'Placing your order' })).toBeVisible();
  });
  await bought(page);
  expect((await ordersOf(page)).map((o) => o.state)).toEqual(['confirmed']);
});

test('payment-service is stopped before the card is taken: nothing is ordered, and it goes on by itself', async ({ page }) => {
  test.setTimeout(240_000);
  const lamp = await (await Admin.signed_in()).product(10);
  await checkoutWith(page, [lamp.id, 1]);
  await fillAddress(page);
  await fillCard(page);
  await whileStopped('payment-service', async () => {
    await pay(page);
    await expect(page.getByText('Nothing has been ordered or charged yet.')).toBeVisible({ timeout: 30_000 });
    await look(page, 'checkout-payment-service-down');
    await page.getByRole('button', { name: 'Back to the form' }).click();
    await expect(page.getByLabel('Card number')).toHaveValue('4242 4242 4242 4242');
    expect(await ordersOf(page)).toEqual([]);
    await pay(page);
    await expect(page.getByText('Nothing has been ordered or charged yet.')).toBeVisible({ timeout: 30_000 });
  });
  await bought(page);
  expect((await ordersOf(page)).map((o) => o.state)).toEqual(['confirmed']);
});
