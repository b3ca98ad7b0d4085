import { spawnSync } from 'node:child_process';
import { Admin } from '../support/shop.ts';
import { secret, stack, url, until } from '../support/stack.ts';
import { expect, look, test } from './fixtures.ts';

test.beforeEach(() => test.setTimeout(240_000));

function supervisor(...args: string[]) {
  const out = spawnSync('supervisorctl', ['-c', `${stack().state}/etc/supervisord.conf`, ...args], { encoding: 'utf8', timeout: 60_000 });
  if (out.status !== 0) throw new Error(`supervisorctl ${args.join(' ')}: ${out.stdout}${out.stderr}`);
}

test('without Prometheus the page says so and shows health alone', async ({ page }) => {
  await Admin.signed_in();
  await page.goto('/system');
  await page.getByRole('button', { name: 'Sign in for the figures' }).click();
  await page.getByRole('dialog').getByLabel('Password').fill(secret('admin-password'));
  await page.getByRole('dialog').getByRole('button', { name: 'Sign in' }).click();
  const order = page.locator('[data-id="order"]');
  await expect(order).toHaveAccessibleName(/requests a second/);
  supervisor('stop', 'prometheus');
  try {
    await page.reload();
    await expect(page.getByText('Prometheus does not answer')).toBeVisible();
    await expect(order).toHaveAccessibleName(/^Order, up, version [^,]*$/);
    await expect(page.getByText('All five services are up')).toBeVisible();
    await look(page, 'system-without-prometheus');
  } finally {
    supervisor('start', 'prometheus');
  }
  await expect(order).toHaveAccessibleName(/requests a second/, { timeout: 60_000 });
  await expect(page.getByText('Prometheus does not answer')).toHaveCount(0);
});

test('a service that is stopped is shown as down, and comes back', async ({ page }) => {
  await page.goto('/system');
  const inventory = page.locator('[data-id="inventory"]');
  await expect(inventory).toHaveAccessibleName(/^Inventory, up/);
  supervisor('stop', 'inventory-service');
  try {
    await expect(inventory).toHaveAccessibleName(/^Inventory, down/, { timeout: 20_000 });
    await expect(page.getByText('The inventory service is down.')).toBeVisible();
    await expect(page.locator('[data-id="order"]')).toHaveAccessibleName(/^Order, up/);
    await look(page, 'system-service-down');
  } finally {
    supervisor('start', 'inventory-service');
  }
  await expect(inventory).toHaveAccessibleName(/^Inventory, up/, { timeout: 60_000 });
  await until('the inventory service answers', 30_000, async () => (await fetch(`${url('inventory')}/health/ready`)).ok);
});
