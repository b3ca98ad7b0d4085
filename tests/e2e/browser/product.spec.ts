import type { Page } from '@playwright/test';
import { randomUUID } from 'node:crypto';
import { Admin } from '../support/shop.ts';
import { expect, look, phone, test } from './fixtures.ts';

// Looking at a page in four ways takes its time on a small machine.
test.describe.configure({ timeout: 180_000 });

// Related products say how many they are, too.
const stock = (page: Page, text: string) => page.getByRole('status').filter({ hasText: text });

// A shirt of the test's own: S/Red 9, M/Red 3, M/Blue 0; there is no S/Blue.
async function shirt() {
  const admin = await Admin.signed_in();
  const parent = await admin.product(0, { name: `Linen shirt ${randomUUID().slice(0, 6)}`, attributes: { material: ['Linen'] }, brand: 'Loom & Test' });
  const variant = (size: string, color: string, quantity: number, price: number) => admin.product(quantity, {
    name: `${parent.name}, ${size}, ${color}`, variant_of: parent.id, price_minor: price, attributes: { size: [size], color: [color] },
  });
  return { admin, parent, small: await variant('S', 'Red', 9, 4000), medium: await variant('M', 'Red', 3, 4200), blue: await variant('M', 'Blue', 0, 4200) };
}

test('a product with all that belongs to it', async ({ page }) => {
  await page.goto('/p/enamel-teapot');
  await expect(page.getByRole('heading', { level: 1, name: 'Enamel Teapot' })).toBeVisible();
  await expect(page.getByRole('navigation', { name: 'Breadcrumbs' }).getByRole('link', { name: 'Tea & Coffee' })).toBeVisible();
  await expect(page.getByRole('img', { name: 'Enamel Teapot' })).toBeVisible();
  await expect(page.getByRole('table', { name: 'Details' })).toContainText('Enamel');
  await expect(page.getByRole('heading', { name: /^More in/ })).toBeVisible();
  await expect(page).toHaveTitle(/Enamel Teapot/);
  await look(page, 'product');
});

test('variants: what there is, what is sold out, and what does not exist', async ({ page }) => {
  const { parent } = await shirt();
  await page.goto(`/p/${parent.slug}`);
  const main = page.getByRole('main');
  await expect(main.getByText(/^from \$40\.00$/)).toBeVisible();
  const size = main.getByRole('group', { name: /^Size/ });
  const color = main.getByRole('group', { name: /^Color/ });

  await main.getByRole('button', { name: 'Add to cart' }).click();
  await expect(main.getByText(/Choose the (size|color) first/).first()).toBeVisible();
  await look(page, 'product-unchosen');

  await size.getByRole('radio', { name: 'M' }).check();
  await expect(page).toHaveURL(/\?size=M$/);
  await expect(color.getByRole('radio', { name: 'Blue, sold out' })).toBeVisible();
  await color.getByRole('radio', { name: 'Blue, sold out' }).check();
  await expect(main.getByRole('button', { name: 'Sold out' })).toBeDisabled();
  await expect(size.getByRole('radio', { name: 'S, not in this combination' })).toBeVisible();
  await look(page, 'product-sold-out');

  await color.getByRole('radio', { name: 'Red' }).check();
  await expect(main.getByText('$42.00')).toBeVisible();
  await expect(stock(page, 'Only 3 left')).toBeVisible();
  await color.getByRole('radio', { name: 'Blue, sold out' }).check();
  await size.getByRole('radio', { name: 'S, not in this combination' }).check();
  await expect(color.getByRole('radio', { name: 'Blue, not in this combination' })).not.toBeChecked();
});

test('the address carries the variant, and one by id leads to it', async ({ page }) => {
  const { parent, medium } = await shirt();
  await page.goto(`/p/${medium.id}`);
  await expect(page).toHaveURL((url) => url.pathname === `/p/${parent.slug}` && url.searchParams.get('size') === 'M' && url.searchParams.get('color') === 'Red');
  await expect(page.getByRole('radio', { name: 'M', exact: true })).toBeChecked();
  await page.reload();
  await expect(page.getByRole('radio', { name: 'Red' })).toBeChecked();
  await expect(stock(page, 'Only 3 left')).toBeVisible();
});

test('how many there are is looked at again', async ({ page }) => {
  const admin = await Admin.signed_in();
  const product = await admin.product(9);
  await page.clock.install();
  await page.goto(`/p/${product.slug}`);
  await expect(page.getByText('In stock', { exact: true })).toBeVisible();
  const changed = await admin.send('POST', `/inventory/${product.id}/adjustments`, { delta: -7, reason: 'correction' }, { 'idempotency-key': randomUUID() });
  expect(changed.status, changed.text).toBe(200);
  await page.clock.runFor(16_000);
  await expect(stock(page, 'Only 2 left')).toBeVisible();
});

test('no more than there are can be asked for', async ({ page }) => {
  const product = await (await Admin.signed_in()).product(3);
  await page.goto(`/p/${product.slug}`);
  await expect(stock(page, 'Only 3 left')).toBeVisible();
  const quantity = page.getByRole('textbox', { name: /^Quantity/ });
  await quantity.fill('50');
  await quantity.press('Enter');
  await expect(quantity).toHaveValue('3');
  await page.getByRole('main').getByRole('button', { name: 'Add to cart' }).click();
  await expect(page.getByRole('dialog', { name: /Your cart/ })).toContainText('$37.50');
  await page.keyboard.press('Escape');
  await expect(page.getByText('All 3 that there are, are in your cart.')).toBeVisible();
  await expect(page.getByRole('main').getByRole('button', { name: 'Add to cart' })).toBeDisabled();
});

test('without inventory the page stands and the stock is unknown', async ({ page }) => {
  await page.route('**/api/inventory*', (route) => route.fulfill({ status: 503, json: { type: '/problems/unavailable', title: 'Not available', status: 503 } }));
  await page.goto('/p/filament-globe-bulb');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Filament Globe Bulb');
  await expect(page.getByText(/Stock is not known just now/)).toBeVisible();
  await expect(page.getByRole('main').getByRole('button', { name: 'Add to cart' })).toBeEnabled();
  await look(page, 'product-stock-unknown');
});

test('without the catalogue there is a face with a retry', async ({ page }) => {
  let down = true;
  await page.route('**/api/products/filament-globe-bulb', (route) => (down ? route.fulfill({ status: 503, json: { type: '/problems/unavailable', title: 'Not available', status: 503, trace_id: 'abc123' } }) : route.continue()));
  await page.goto('/p/filament-globe-bulb');
  await expect(page.getByRole('alert')).toContainText('not available just now');
  await look(page, 'product-down');
  down = false;
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Filament Globe Bulb');
});

test('a product that is no longer sold', async ({ page }) => {
  const admin = await Admin.signed_in();
  const product = await admin.product(1);
  expect((await admin.send('DELETE', `/products/${product.id}`, undefined, { 'if-match': '*' })).status).toBe(204);
  await page.goto(`/p/${product.slug}`);
  await expect(page.getByRole('heading', { level: 1, name: 'This stall is empty' })).toBeVisible();
  await expect(page.getByRole('heading', { name: 'Or one of these' })).toBeVisible();
  await look(page, 'product-gone');
});

test('long names, many variants, no picture', async ({ page }) => {
  const admin = await Admin.signed_in();
  const parent = await admin.product(0, {
    name: 'Donaudampfschifffahrtsgesellschaftskapitänsmützenständer mit handgeschmiedeten Haken aus dem Schwarzwald, in vielen Größen und Farben lieferbar',
    brand: 'Manufaktur für außerordentlich lange Bezeichnungen & Söhne', description: 'Solid. • First point, which is rather long and goes on. • Second point.',
    price_minor: 1_000_000_000, attributes: { material: ['Wrought iron', 'Oak'], note: ['Averyveryverylongwordwithoutanyspacesatallthatmustbebrokensomewhere'] },
  });
  const lines = ['XS', 'S', 'M', 'L', 'XL', '2XL'].flatMap((size) => ['Saffron', 'Midnight blue with fine silver stripes', 'Red', 'White', 'Teal'].map((color) => JSON.stringify({
    sku: `${parent.sku}-${size}-${color}`, name: `${parent.name}, ${size}, ${color}`, description: '', categories: parent.categories,
    price_minor: 999_999_900, currency: 'USD', quantity: 1, attributes: { size, color }, variant_of: parent.sku,
  })));
  const imported = await admin.send('POST', '/products/import', lines.join('\n'), { 'content-type': 'application/x-ndjson' });
  expect(imported.body, imported.text).toMatchObject({ created: 30, failed: 0 });
  await page.goto(`/p/${parent.slug}?size=M&color=Red`);
  await expect(page.getByRole('main').getByText('$9,999,999.00')).toBeVisible();
  await expect(page.getByRole('group', { name: /^Size/ }).getByRole('radio')).toHaveCount(6);
  await look(page, 'product-long');
});

test('by keyboard alone: choose and add', async ({ page }) => {
  const { parent } = await shirt();
  await page.setViewportSize(phone);
  await page.goto(`/p/${parent.slug}`);
  await page.getByRole('group', { name: /^Size/ }).getByRole('radio').first().focus();
  await page.keyboard.press('ArrowRight');
  await expect(page.getByRole('radio', { name: 'M', exact: true })).toBeChecked();
  await page.getByRole('group', { name: /^Color/ }).getByRole('radio', { name: 'Red' }).focus();
  await page.keyboard.press('Space');
  await page.getByRole('main').getByRole('button', { name: 'Add to cart' }).focus();
  await page.keyboard.press('Enter');
  const drawer = page.getByRole('dialog', { name: /Your cart/ });
  await expect(drawer).toContainText('Size: M');
  await page.keyboard.press('Escape');
  await expect(drawer).toBeHidden();
  await expect(page.getByRole('main').getByRole('button', { name: 'Add to cart' })).toBeFocused();
});
