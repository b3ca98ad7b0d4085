import { expect, look, test } from './fixtures.ts';

test('the home page shows what there is to buy', async ({ page }) => {
  await page.goto('/');
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await expect(page.getByRole('main').getByRole('link').first()).toBeVisible();
  await look(page, 'home');
});
