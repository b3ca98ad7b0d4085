import { Admin, Shopper } from '../support/shop.ts';
import { pids, until } from '../support/stack.ts';
import { expect, look, signIn, test } from './fixtures.ts';

// What the administrator sees while parts of the store misbehave.

const calm = { latency_ms: 0, latency_jitter_ms: 0, error_rate: 0, decline_rate: 0, unknown_rate: 0 };

test.beforeEach(() => test.setTimeout(300_000));

test.describe('the gateway\'s behaviour', () => {
  test.afterEach(async () => {
    const admin = await Admin.signed_in();
    expect((await admin.send('PUT', '/payments/gateway', calm)).status).toBe(200);
  });

  test('is what the sliders say: all cards are declined, then none', async ({ page }) => {
    const admin = await Admin.signed_in();
    const product = await admin.product(5);
    const shopper = await Shopper.arrive();
    await signIn(page, '/office/gateway');
    await page.getByRole('button', { name: /^Slow/ }).click();
    await expect(page.getByRole('button', { name: /^Slow/ })).toHaveAttribute('aria-pressed', 'true');
    expect((await admin.send('GET', '/payments/gateway')).body).toMatchObject({ latency_ms: 1000, latency_jitter_ms: 1500 });
    await page.getByRole('button', { name: /^Calm/ }).click();
    await expect(page.getByLabel('Latency', { exact: true })).toHaveValue('0');
    await page.getByRole('slider', { name: 'Declines' }).fill('100');
    await page.getByRole('button', { name: 'Apply' }).click();
    await expect(page.getByText('A mixture of your own')).toBeVisible();
    expect((await shopper.buy(product.id)).status).toBe(402);
    await page.getByRole('button', { name: 'Reset' }).click();
    await expect(page.getByRole('button', { name: /^Calm/ })).toHaveAttribute('aria-pressed', 'true');
    expect((await admin.send('GET', '/payments/gateway')).body).toEqual(calm);
    expect((await shopper.order(await shopper.order_body())).status).toBe(201);
  });

  test('in a storm orders end once, and the books balance', async ({ page }) => {
    const admin = await Admin.signed_in();
    const product = await admin.product(20);
    await signIn(page, '/office/gateway');
    await page.getByRole('button', { name: /^Storm/ }).click();
    await expect(page.getByRole('button', { name: /^Storm/ })).toHaveAttribute('aria-pressed', 'true');
    await look(page, 'office-gateway-storm');
    const shoppers = await Promise.all([1, 2, 3, 4].map(() => Shopper.arrive()));
    const answers = await Promise.all(shoppers.map((s) => s.buy(product.id)));
    await page.getByRole('button', { name: /^Calm/ }).click();
    await expect(page.getByRole('button', { name: /^Calm/ })).toHaveAttribute('aria-pressed', 'true');
    for (const [i, answer] of answers.entries()) {
      expect([201, 202, 402], answer.text).toContain(answer.status);
      await shoppers[i]!.settled((answer.body.order ?? answer.body).id, ['confirmed', 'rejected'], 90_000);
    }
    await page.goto('/office/audit');
    await page.getByRole('button', { name: 'Run the audit' }).click();
    await expect(page.getByRole('heading', { name: 'The books balance' })).toBeVisible({ timeout: 30_000 });
  });
});

test('one service that stands still takes its own pages along, and no others', async ({ page }) => {
  const admin = await Admin.signed_in();
  const product = await admin.product(5);
  const shopper = await Shopper.arrive();
  const order = (await shopper.buy(product.id)).body;
  await signIn(page);
  const down = /^Stock: (not available just now|that takes too long)$/;
  const stopped = pids('inventory-service');
  expect(stopped.length).toBeGreaterThan(0);
  for (const pid of stopped) process.kill(pid, 'SIGSTOP');
  try {
    const nav = page.getByRole('navigation', { name: 'Back office' });
    await nav.getByRole('link', { name: 'Stock' }).click();
    await expect(page.getByText(down)).toBeVisible({ timeout: 60_000 });
    await look(page, 'office-stock-down');
    await nav.getByRole('link', { name: 'Orders' }).click();
    await page.getByRole('link', { name: `…${order.id.slice(-8)}` }).click();
    await expect(page.getByText('Confirmed', { exact: true }).first()).toBeVisible();
    await expect(page.getByText('Captured', { exact: true }).first()).toBeVisible();
    await expect(page.getByText(/^Reservation: /)).toBeVisible({ timeout: 60_000 });
    await look(page, 'office-order-without-inventory');
    await nav.getByRole('link', { name: 'Products' }).click();
    await expect(page.getByRole('table', { name: 'Products' })).toBeVisible();
    await nav.getByRole('link', { name: 'Payments' }).click();
    await expect(page.getByRole('table', { name: 'Payments' })).toBeVisible();
    await nav.getByRole('link', { name: 'Audit' }).click();
    await page.getByRole('button', { name: 'Run the audit' }).click();
    await expect(page.getByText(/No answer is no proof/)).toBeVisible({ timeout: 90_000 });
    await look(page, 'office-audit-down');
    await page.goto(`/office/stock/${product.id}`);
    await expect(page.getByText(down)).toBeVisible({ timeout: 60_000 });
  } finally {
    for (const pid of stopped) process.kill(pid, 'SIGCONT');
  }
  await until('inventory to answer again', 30_000, async () => (await admin.send('GET', `/inventory/${product.id}`)).status === 200);
  await page.getByRole('button', { name: 'Try again' }).first().click();
  await expect(page.getByRole('table', { name: 'Movements' })).toBeVisible({ timeout: 30_000 });
});
