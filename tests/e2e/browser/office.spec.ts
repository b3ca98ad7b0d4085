import { randomUUID } from 'node:crypto';
import type { Page } from '@playwright/test';
import { Admin, cards, Shopper } from '../support/shop.ts';
import { secret } from '../support/stack.ts';
import { expect, look, signIn, test } from './fixtures.ts';

const tag = () => randomUUID().slice(0, 8).toUpperCase();
// A field by its whole label, which may say that it is optional.
const field = (page: Page, label: string) =>
  page.getByLabel(new RegExp(`^${label.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}( \\(optional\\))?$`));

// Each look is four screenshots with a run of axe-core.
test.beforeEach(() => test.setTimeout(180_000));

async function ordered(quantity = 2, more: Record<string, unknown> = {}) {
  const admin = await Admin.signed_in();
  const product = await admin.product(20, more);
  const shopper = await Shopper.arrive();
  const placed = await shopper.buy(product.id, quantity);
  expect(placed.status, placed.text).toBe(201);
  return { admin, product, shopper, order: placed.body };
}

test.describe('sign-in', () => {
  test('wrong, then right, then out', async ({ page }) => {
    await page.goto('/office/stock');
    await expect(field(page, 'Username')).toHaveValue('admin');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByText('Enter the password.')).toBeVisible();
    await expect(field(page, 'Password')).toBeFocused();
    await field(page, 'Password').fill('not this one');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByText('User name or password is wrong.')).toBeVisible();
    await expect(field(page, 'Password')).toHaveValue('not this one');
    await look(page, 'office-sign-in-wrong');
    await field(page, 'Password').fill(secret('admin-password'));
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByRole('heading', { level: 1, name: 'Stock' })).toBeVisible();
    await page.reload();
    await expect(page.getByRole('heading', { level: 1, name: 'Stock' })).toBeVisible();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await expect(field(page, 'Password')).toBeVisible();
    await page.reload();
    await expect(field(page, 'Password')).toBeVisible();
  });

  test('after too many attempts it says for how long', async ({ page }) => {
    await page.route('**/api/session/admin', (route) => route.fulfill({
      status: 429, headers: { 'retry-after': '300', 'content-type': 'application/problem+json' },
      body: JSON.stringify({ type: '/problems/too-many-attempts', title: 'Too many attempts', status: 429, trace_id: 't' }),
    }));
    await page.goto('/office');
    await field(page, 'Password').fill('a');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByText(/Wait 5 minutes \(until /)).toBeVisible();
    await look(page, 'office-sign-in-too-many');
  });

  test('an expired session asks again over the page, and what was being done goes on', async ({ page, context }) => {
    const admin = await Admin.signed_in();
    const name = `Lantern ${tag()}`;
    await signIn(page, '/office/products/new');
    await field(page, 'Name').fill(name);
    await field(page, 'SKU').fill(`S-${tag()}`);
    await field(page, 'Price').fill('12.5');
    await context.clearCookies();
    await page.getByRole('button', { name: 'Make the product' }).click();
    const dialog = page.getByRole('dialog', { name: 'Sign in again' });
    await expect(dialog).toBeVisible();
    await look(page, 'office-sign-in-again');
    await dialog.getByLabel('Password').fill(secret('admin-password'));
    await dialog.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByRole('heading', { level: 1, name })).toBeVisible();
    const id = page.url().split('/').pop()!;
    expect((await admin.send('GET', `/products/${id}`)).body).toMatchObject({ name, price_minor: 1250 });
  });
});

test.describe('products', () => {
  test('are made, changed and archived; what is wrong is said beside it', async ({ page }) => {
    const admin = await Admin.signed_in();
    const sku = `S-${tag()}`;
    await signIn(page, '/office/products');
    await page.getByRole('link', { name: 'New product' }).click();
    await page.getByRole('button', { name: 'Make the product' }).click();
    await expect(page.getByText('Enter a name.')).toBeVisible();
    await expect(field(page, 'Name')).toBeFocused();
    await field(page, 'Name').fill(`Lamp ${sku}`);
    await field(page, 'SKU').fill(sku);
    await field(page, 'Price').fill('1.234');
    await field(page, 'Category 1').fill('Tests//Lamps');
    await page.getByRole('button', { name: 'Add an attribute' }).click();
    await field(page, 'Attribute 1, values').fill('Brass');
    await field(page, 'Opening quantity').fill('many');
    await page.getByRole('button', { name: 'Make the product' }).click();
    await expect(page.getByText('Enter an amount with at most 2 decimals')).toBeVisible();
    await expect(page.getByText('Write the path with single slashes')).toBeVisible();
    await expect(page.getByText('Name the attribute.')).toBeVisible();
    await expect(page.getByText('Enter a whole number, without')).toBeVisible();
    await look(page, 'office-product-new-wrong');
    await field(page, 'Price').fill('19,90');
    await field(page, 'Category 1').fill('Tests/Lamps');
    await page.getByRole('button', { name: 'Add a category' }).click();
    await field(page, 'Category 2').fill('Gifts');
    await field(page, 'Attribute 1, name').fill('material');
    await field(page, 'Attribute 1, values').fill('Brass\nGlass');
    await field(page, 'Opening quantity').fill('7');
    await page.getByRole('button', { name: 'Make the product' }).click();
    await expect(page.getByRole('heading', { level: 1, name: `Lamp ${sku}` })).toBeVisible();
    const id = page.url().split('/').pop()!;
    expect((await admin.send('GET', `/products/${id}`)).body).toMatchObject({
      sku, price_minor: 1990, categories: ['Tests/Lamps', 'Gifts'], attributes: { material: ['Brass', 'Glass'] },
    });
    await admin.stock_is(id, 7);

    await field(page, 'Brand').fill('Loom & Ladder');
    await field(page, 'Price').fill('20');
    await page.getByRole('button', { name: 'Remove category 2' }).click();
    await page.getByRole('button', { name: 'Save' }).click();
    await expect(page.getByText('Saved', { exact: true })).toBeVisible();
    expect((await admin.send('GET', `/products/${id}`)).body).toMatchObject({ brand: 'Loom & Ladder', price_minor: 2000, categories: ['Tests/Lamps'] });

    await page.getByRole('button', { name: 'Archive' }).click();
    await look(page, 'office-product-archive');
    await page.getByRole('dialog').getByRole('button', { name: 'Archive' }).click();
    await expect(page.getByRole('heading', { level: 1, name: 'Products' })).toBeVisible();
    expect((await admin.send('GET', `/products/${id}`)).status).toBe(404);
  });

  test('are found by search, and the address keeps it', async ({ page }) => {
    const admin = await Admin.signed_in();
    const product = await admin.product(3);
    await signIn(page, '/office/products');
    await look(page, 'office-products');
    await field(page, 'Search').last().fill(product.sku);
    await expect(page.getByRole('link', { name: product.name })).toBeVisible();
    await expect(page).toHaveURL(new RegExp(`search=${product.sku}`));
    await page.getByRole('link', { name: product.name }).click();
    await expect(page.getByRole('heading', { level: 1, name: product.name })).toBeVisible();
    await look(page, 'office-product');
    await page.goBack();
    await expect(field(page, 'Search').last()).toHaveValue(product.sku);
    await field(page, 'Search').last().fill('zzzz-no-such-thing');
    await expect(page.getByText('No product is like that')).toBeVisible();
    await look(page, 'office-products-none');
  });

  test('two people change one product: nothing typed is lost', async ({ page, context }) => {
    const admin = await Admin.signed_in();
    const product = await admin.product(3, { brand: 'First', description: 'As it was.' });
    await signIn(page, `/office/products/${product.id}`);
    const other = await context.newPage();
    await other.goto(`/office/products/${product.id}`);
    await field(other, 'Name').fill('Their name');
    await field(other, 'Brand').fill('Their brand');
    await other.getByRole('button', { name: 'Save' }).click();
    await expect(other.getByText('Saved', { exact: true })).toBeVisible();
    await other.close();

    await field(page, 'Name').fill('My name');
    await field(page, 'Price').fill('99');
    await page.getByRole('button', { name: 'Save' }).click();
    await expect(page.getByText('Somebody else saved this product while you were editing')).toBeVisible();
    await expect(field(page, 'Name')).toHaveValue('My name');
    await expect(field(page, 'Price')).toHaveValue('99');
    await expect(field(page, 'Brand')).toHaveValue('Their brand');
    const name = page.getByRole('group', { name: 'Name', exact: true });
    await expect(name.getByRole('radio', { name: /Keep mine/ })).toBeChecked();
    await look(page, 'office-product-conflict');
    await name.getByRole('radio', { name: /Take theirs/ }).check();
    await expect(field(page, 'Name')).toHaveValue('Their name');
    await name.getByRole('radio', { name: /Keep mine/ }).check();
    await expect(field(page, 'Name')).toHaveValue('My name');
    await page.getByRole('group', { name: 'Brand' }).getByRole('radio', { name: /Keep mine/ }).check();
    await page.getByRole('button', { name: 'Save with these choices' }).click();
    await expect(page.getByText('Saved', { exact: true })).toBeVisible();
    expect((await admin.send('GET', `/products/${product.id}`)).body).toMatchObject({ name: 'My name', brand: 'First', price_minor: 9900 });
  });

  test('what is typed outlives a look at another page, a reload, and what others save meanwhile', async ({ page }) => {
    const admin = await Admin.signed_in();
    const product = await admin.product(3, { brand: 'First' });
    await signIn(page, `/office/products/${product.id}`);
    await field(page, 'Name').fill('Typed, not saved');
    await page.getByRole('navigation', { name: 'Back office' }).getByRole('link', { name: 'Orders' }).click();
    await expect(page.getByRole('heading', { level: 1, name: 'Orders' })).toBeVisible();
    await page.goBack();
    await expect(field(page, 'Name')).toHaveValue('Typed, not saved');
    await expect(page.getByText('What you had typed is still here, and not saved yet')).toBeVisible();
    await look(page, 'office-product-kept');
    const changed = await admin.send('PATCH', `/products/${product.id}`, { brand: 'Second', name: 'Theirs' }, { 'if-match': '*' });
    expect(changed.status, changed.text).toBe(200);
    page.on('dialog', (asked) => void asked.accept());
    await page.reload();
    await expect(field(page, 'Name')).toHaveValue('Typed, not saved');
    await expect(page.getByText('Somebody else has saved this product meanwhile.')).toBeVisible();
    await page.getByRole('button', { name: 'Save' }).click();
    await expect(page.getByText('Somebody else saved this product while you were editing')).toBeVisible();
    await expect(field(page, 'Brand')).toHaveValue('Second');
    await page.getByRole('button', { name: 'Save with these choices' }).click();
    await expect(page.getByText('Saved', { exact: true })).toBeVisible();
    expect((await admin.send('GET', `/products/${product.id}`)).body).toMatchObject({ name: 'Typed, not saved', brand: 'Second' });
    // What is saved or undone is not kept.
    await page.reload();
    await expect(page.getByText('What you had typed is still here')).toHaveCount(0);
    await field(page, 'Name').fill('And away');
    await page.getByRole('button', { name: 'Undo changes' }).click();
    await page.reload();
    await expect(field(page, 'Name')).toHaveValue('Typed, not saved');

    await page.goto('/office/products/new');
    await field(page, 'Name').fill('A new one');
    await page.getByRole('navigation', { name: 'Back office' }).getByRole('link', { name: 'Stock' }).click();
    await page.goBack();
    await expect(field(page, 'Name')).toHaveValue('A new one');
    await page.getByRole('button', { name: 'Throw it away' }).click();
    await page.goto('/office/products/new');
    await expect(field(page, 'Name')).toHaveValue('');
  });

  test('a product that was archived meanwhile can be brought back as it stands', async ({ page }) => {
    const admin = await Admin.signed_in();
    const product = await admin.product(1);
    await signIn(page, `/office/products/${product.id}`);
    await field(page, 'Name').fill('Not lost');
    expect((await admin.send('DELETE', `/products/${product.id}`, undefined, { 'if-match': '*' })).status).toBe(204);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('button', { name: 'Bring it back as it stands here' }).click();
    await expect(page.getByRole('heading', { level: 1, name: 'Not lost' })).toBeVisible();
    expect((await admin.send('GET', `/products/${product.id}`)).body.name).toBe('Not lost');
  });

  test('import tells what came of each line', async ({ page }) => {
    const admin = await Admin.signed_in();
    const one = tag();
    const line = (sku: string, more: Record<string, unknown> = {}) =>
      JSON.stringify({ sku, name: `Imported ${sku}`, price_minor: 500, currency: 'USD', categories: ['Tests/Imported'], quantity: 4, ...more });
    const file = [line(`I-${one}-1`), '{"sku": broken', line(`I-${one}-2`, { price_minor: -5, name: '' }), '', line(`I-${one}-3`, { colour: 'red' }), line(`I-${one}-4`)].join('\n');
    await signIn(page, '/office/products/import');
    await page.getByRole('button', { name: 'Import', exact: true }).click();
    await expect(page.getByText('Choose a file.')).toBeVisible();
    await page.getByLabel(/A JSON Lines file/).setInputFiles({ name: 'catalogue.xlsx', mimeType: 'application/octet-stream', buffer: Buffer.from('PK') });
    await expect(page.getByText(/is not JSON Lines/)).toBeVisible();
    await look(page, 'office-import');
    await page.getByLabel(/A JSON Lines file/).setInputFiles({ name: 'catalogue.jsonl', mimeType: 'application/x-ndjson', buffer: Buffer.from(file) });
    await page.getByRole('button', { name: 'Import', exact: true }).click();
    await expect(page.getByText('3 lines could not be imported')).toBeVisible();
    const bad = page.getByRole('table', { name: 'Bad lines' });
    for (const number of [2, 3, 5]) await expect(bad.getByRole('rowheader', { name: `Line ${number}`, exact: true })).toBeVisible();
    await expect(bad).toContainText('price_minor');
    await look(page, 'office-import-bad-lines');
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download as CSV' }).click()]);
    expect(download.suggestedFilename()).toBe('bad-lines.csv');
    expect((await admin.send('GET', `/products?search=I-${one}-1`)).body.items[0].sku).toBe(`I-${one}-1`);
    // A look at a product, and the bad lines are still there.
    await page.getByRole('navigation', { name: 'Back office' }).getByRole('link', { name: 'Products' }).click();
    await expect(page.getByRole('heading', { level: 1, name: 'Products' })).toBeVisible();
    await page.goBack();
    await expect(page.getByRole('table', { name: 'Bad lines' })).toContainText('price_minor');
  });
});

test.describe('stock', () => {
  test('a delivery, damage, a count, and the ledger', async ({ page }) => {
    const { admin, product, order } = await ordered(2);
    await signIn(page, `/office/stock/${product.id}`);
    const stat = (label: string) => page.getByText(label, { exact: true }).locator('..').getByRole('definition');
    await expect(stat('On hand').first()).toHaveText('18');
    await field(page, 'Quantity').fill('a lot');
    await page.getByRole('button', { name: 'Book', exact: true }).click();
    await expect(page.getByText('Enter a whole number, without')).toBeVisible();
    await field(page, 'Quantity').fill('30');
    await page.getByRole('button', { name: 'Book', exact: true }).click();
    await expect(stat('On hand').first()).toHaveText('48');
    await field(page, 'Why').selectOption('damage');
    await field(page, 'Quantity').fill('3');
    await page.getByRole('button', { name: 'Book', exact: true }).click();
    await expect(stat('On hand').first()).toHaveText('45');
    const ledger = page.getByRole('table', { name: 'Movements' });
    await expect(ledger.getByRole('rowheader', { name: 'Damage' })).toBeVisible();
    await expect(ledger.getByRole('link', { name: new RegExp(order.id.slice(-8)) }).first()).toBeVisible();
    await look(page, 'office-stock-item');

    // Somebody else books while we count.
    await admin.send('POST', `/inventory/${product.id}/adjustments`, { delta: 1, reason: 'delivery' }, { 'idempotency-key': randomUUID() });
    await field(page, 'Counted on hand').fill('40');
    await page.getByRole('button', { name: 'Book the count' }).click();
    await expect(page.getByText('Stock has moved meanwhile')).toBeVisible();
    await expect(field(page, 'Counted on hand')).toHaveValue('40');
    await expect(stat('On hand').first()).toHaveText('46');
    await page.getByRole('button', { name: 'Book the count' }).click();
    await expect(stat('On hand').first()).toHaveText('40');

    await field(page, 'Why').selectOption('damage');
    await field(page, 'Quantity').fill('1000');
    await page.getByRole('button', { name: 'Book', exact: true }).click();
    await expect(page.getByText('What is on hand can fall to zero, but not below.')).toBeVisible();
    await expect(field(page, 'Quantity')).toHaveValue('1000');
  });

  test('a delivery whose answer is lost is booked once, also over a reload', async ({ page }) => {
    const admin = await Admin.signed_in();
    const product = await admin.product(5);
    await signIn(page, `/office/stock/${product.id}`);
    const keys: string[] = [];
    await page.route('**/adjustments', async (route) => {
      keys.push(route.request().headers()['idempotency-key']!);
      if (keys.length > 1) return route.continue();
      await route.fetch();
      return route.abort('connectionreset');
    });
    await field(page, 'Quantity').fill('10');
    await page.getByRole('button', { name: 'Book', exact: true }).click();
    await expect(page.getByText('There was no definite answer')).toBeVisible();
    await expect(field(page, 'Quantity')).toBeDisabled();
    await look(page, 'office-stock-no-answer');
    await page.reload();
    await expect(field(page, 'Quantity')).toHaveValue('10');
    await page.getByRole('button', { name: 'Send it again' }).click();
    await expect(page.getByText('Booked: 15 units on hand')).toBeVisible();
    expect(new Set(keys).size).toBe(1);
    await admin.stock_is(product.id, 15);
  });

  test('is listed, and what is low is found', async ({ page }) => {
    const admin = await Admin.signed_in();
    const product = await admin.product(2);
    await signIn(page, '/office/stock');
    await expect(page.getByRole('table', { name: 'Stock' })).toBeVisible();
    await look(page, 'office-stock');
    await field(page, 'Search').last().fill(product.sku);
    const row = page.getByRole('row').filter({ hasText: product.sku });
    await expect(row.getByText('Low')).toBeVisible();
    await field(page, 'Show').selectOption('out');
    await expect(page.getByText('Nothing is like that')).toBeVisible();
    await page.getByRole('button', { name: 'Show everything' }).click();
    await field(page, 'Show').selectOption('below');
    await field(page, 'Fewer than this available').fill('x');
    await expect(page.getByText('Enter a whole number')).toBeVisible();
  });
});

test.describe('orders', () => {
  test('shipped, delivered and refunded, with the refusal beside the action', async ({ page }) => {
    const { admin, product, order } = await ordered(3, { name: 'A very long name of a lamp that goes on and on, with a shade of hand-blown glass from the island', price_minor: 99_999_999 });
    await signIn(page, `/office/orders/${order.id}`);
    await expect(page.getByText('Confirmed', { exact: true }).first()).toBeVisible();
    await expect(page.getByText('Captured', { exact: true }).first()).toBeVisible();
    await look(page, 'office-order');
    await page.getByRole('button', { name: 'Refund…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Refund' });
    await dialog.getByLabel('Amount').fill('99999999999');
    await dialog.getByRole('button', { name: 'Pay back' }).click();
    await expect(dialog.getByText(/is left to pay back/)).toBeVisible();
    await expect(dialog.getByText('Say why')).toBeVisible();
    await look(page, 'office-refund-wrong');
    await dialog.getByLabel('Amount').fill('1000.50');
    await dialog.getByLabel('Reason').fill('One arrived broken');
    await dialog.getByRole('button', { name: 'One more' }).click();
    await dialog.getByRole('button', { name: 'Pay back' }).click();
    await expect(dialog).toBeHidden();
    await expect(page.getByText('One arrived broken')).toBeVisible();
    await expect(page.getByText('Partly refunded')).toBeVisible();
    await admin.stock_is(product.id, 18);

    await page.getByRole('button', { name: 'Ship', exact: true }).click();
    await expect(page.getByRole('button', { name: 'Ship', exact: true })).toBeDisabled();
    await expect(page.getByText('It is shipped: refund it instead.')).toBeVisible();
    // Delivered in another window meanwhile.
    await page.route('**/status', async (route) => route.fulfill({
      status: 409, contentType: 'application/problem+json',
      body: JSON.stringify({ type: '/problems/wrong-state', title: 'Not in this state', status: 409, detail: 'Only a confirmed order can be shipped, and only a shipped one delivered.', trace_id: 't' }),
    }), { times: 1 });
    await page.getByRole('button', { name: 'Deliver', exact: true }).click();
    await expect(page.getByText('Only a confirmed order can be shipped, and only a shipped one delivered.')).toBeVisible();
    await look(page, 'office-order-refused');
    await page.getByRole('button', { name: 'Deliver', exact: true }).click();
    await expect(page.getByText('It is delivered already.')).toBeVisible();
    expect((await admin.send('GET', `/orders/${order.id}`)).body).toMatchObject({ state: 'delivered', refunded_minor: 100_050 });
  });

  test('cancelled: all is paid back and put back, live', async ({ page }) => {
    const { admin, product, order } = await ordered(2);
    await admin.stock_is(product.id, 18);
    await signIn(page, `/office/orders/${order.id}`);
    await page.getByRole('button', { name: 'Cancel…' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel the order' }).click();
    await expect(page.getByText('It is undone already.')).toBeVisible({ timeout: 20_000 });
    await expect(page.getByText('Returned: all of it is back on the shelf.')).toBeVisible();
    await look(page, 'office-order-cancelled');
    await admin.stock_is(product.id, 20);
  });

  test('a refund whose answer is lost is paid back once', async ({ page }) => {
    const { admin, order } = await ordered(1);
    await signIn(page, `/office/orders/${order.id}`);
    let lost = false;
    await page.route('**/refunds', async (route) => {
      if (lost) return route.continue();
      lost = true;
      await route.fetch();
      return route.abort('connectionreset');
    });
    await page.getByRole('button', { name: 'Refund…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Refund' });
    await dialog.getByLabel('Amount').fill('5');
    await dialog.getByLabel('Reason').fill('Too late');
    await dialog.getByRole('button', { name: 'Pay back' }).click();
    await expect(dialog.getByText('There was no definite answer')).toBeVisible();
    await dialog.getByRole('button', { name: 'Send it again' }).click();
    await expect(dialog).toBeHidden();
    await expect.poll(async () => (await admin.send('GET', `/orders/${order.id}`)).body.refunded_minor).toBe(500);
    expect((await admin.send('GET', `/orders/${order.id}`)).body.refunds).toHaveLength(1);
  });

  test('are found by id, product, state and shopper', async ({ page }) => {
    const { shopper, order, product } = await ordered(1);
    await signIn(page, '/office/orders');
    await expect(page.getByRole('table', { name: 'Orders' })).toBeVisible();
    await look(page, 'office-orders');
    await field(page, 'Search').last().fill(product.sku);
    await expect(page.getByRole('rowheader')).toHaveCount(1);
    await field(page, 'State').selectOption('cancelled');
    await expect(page.getByText('No order is like that')).toBeVisible();
    await page.getByRole('button', { name: 'Show all orders' }).click();
    await field(page, 'Shopper').fill('nobody');
    await expect(page.getByText(/whole id: 36 characters/)).toBeVisible();
    await field(page, 'Shopper').fill(shopper.id);
    await expect(page.getByRole('rowheader')).toHaveCount(1);
    await page.getByRole('rowheader').getByRole('link').click();
    await expect(page).toHaveURL(new RegExp(order.id));
    await page.goto('/office/orders?attention=1');
    await expect(page.getByText('Nothing needs attention')).toBeVisible();
    await expect(page.getByText(/orders? (was|were) looked at/)).toBeVisible();
    await page.goto(`/office/orders/${randomUUID()}`);
    await expect(page.getByText('Order: nothing here')).toBeVisible();
    await look(page, 'office-order-none');
  });
});

test('what needs attention is found however many orders are newer', async ({ page }) => {
  const { order } = await ordered(1);
  // A store of 2,400 orders, of which one is stuck on its way and one of the oldest in a refund.
  const one = (n: number, state: string, needs_attention = false) =>
    ({ ...order, id: order.id.slice(0, -6) + String(n).padStart(6, '0'), state, needs_attention, created_at: new Date(Date.UTC(2026, 0, 1) + n * 60_000).toISOString() });
  const all = [one(2400, 'pending'), ...Array.from({ length: 2397 }, (_, i) => one(2399 - i, 'delivered')), one(2, 'captured', true), one(1, 'shipped', true)];
  let asked = 0;
  await page.route(/\/api\/orders\?/, (route) => {
    asked += 1;
    const query = new URL(route.request().url()).searchParams;
    const rest = all.filter((o) => (!query.get('state') || o.state === query.get('state')) && (!query.get('cursor') || o.id < query.get('cursor')!));
    const items = rest.slice(0, Number(query.get('limit')));
    return route.fulfill({ json: { items, ...(rest.length > items.length && { next_cursor: items.at(-1)!.id }) } });
  });
  await signIn(page, '/office/orders?attention=1');
  await expect(page.getByRole('rowheader')).toHaveCount(1);
  await expect(page.getByText('All 2 on their way and the newest 999 others were looked at; there are older ones.')).toBeVisible();
  expect(asked).toBeLessThanOrEqual(17);
  await look(page, 'office-orders-attention');
  await page.getByRole('button', { name: 'Look at older ones' }).click();
  await expect(page.getByText(/newest 1,999 others/)).toBeVisible();
  await page.getByRole('button', { name: 'Look at older ones' }).click();
  await expect(page.getByRole('rowheader')).toHaveCount(2);
  await expect(page.getByText('All 2,400 orders were looked at.')).toBeVisible();
});

test('payments: ours and the gateway\'s view side by side', async ({ page }) => {
  const { admin, product, shopper, order } = await ordered(1);
  const declined = await shopper.buy(product.id, 1, cards.decline);
  expect(declined.status).toBe(402);
  await signIn(page, '/office/payments');
  await expect(page.getByRole('table', { name: 'Payments' })).toBeVisible();
  await look(page, 'office-payments');
  await field(page, 'Order').fill(order.id);
  await expect(page.getByRole('rowheader')).toHaveCount(1);
  await page.getByRole('rowheader').getByRole('link').click();
  await expect(page.getByText('Both say the same')).toBeVisible();
  await expect(page.getByRole('table', { name: 'Attempts' }).getByRole('rowheader', { name: 'Capture' })).toBeVisible();
  await look(page, 'office-payment');
  // Books that differ are marked.
  await page.route('**/gateway-record', async (route) => {
    const response = await route.fetch();
    const record = await response.json();
    await route.fulfill({ response, json: { ...record, captured_minor: record.captured_minor + 100 } });
  });
  await page.reload();
  await expect(page.getByText('The books differ')).toBeVisible();
  await look(page, 'office-payment-differs');
  await page.unroute('**/gateway-record');
  const payment = (await admin.send('GET', `/payments?order_id=${declined.body.order.id}`)).body.items[0];
  await page.goto(`/office/payments/${payment.id}`);
  await expect(page.getByText('Both say the same')).toBeVisible();
});

test('the gateway\'s numbers are checked beside their sliders', async ({ page }) => {
  await signIn(page, '/office/gateway');
  await expect(page.getByText('In force now')).toBeVisible();
  await look(page, 'office-gateway');
  await field(page, 'Errors').fill('120');
  await field(page, 'Latency').fill('soon');
  await page.getByRole('button', { name: 'Apply' }).click();
  await expect(page.getByText('At most 100.')).toBeVisible();
  await expect(page.getByText('Enter a whole number of milliseconds.')).toBeVisible();
  await expect(field(page, 'Latency')).toBeFocused();
  await look(page, 'office-gateway-wrong');
  await page.getByRole('slider', { name: 'Errors' }).fill('35');
  await expect(field(page, 'Errors')).toHaveValue('35');
  await page.getByRole('button', { name: 'Back to what is in force' }).click();
  await expect(page.getByText('Not applied yet')).toBeHidden();
});

test('the audit, and violations if there were any', async ({ page }) => {
  await ordered(1);
  await (await Admin.signed_in()).audit();
  await signIn(page, '/office/audit');
  await page.getByRole('button', { name: 'Run the audit' }).click();
  await expect(page.getByRole('heading', { name: 'The books balance' })).toBeVisible();
  await look(page, 'office-audit');
  const order_id = randomUUID();
  await page.route('**/api/audit', (route) => route.fulfill({
    json: {
      balanced: false, checked_orders: 1_234_567, in_flight: 3, violations_total: 4321,
      started_at: '2026-01-01T00:00:00Z', finished_at: '2026-01-01T00:01:23.4Z',
      violations: [
        { order_id, rule: 'charged-twice', detail: '2 approved charges' },
        { rule: 'inventory: on-hand-differs', detail: `${randomUUID()}: on hand 12, movements 13` },
      ],
    },
  }));
  await page.getByRole('button', { name: 'Run it again' }).click();
  await expect(page.getByRole('heading', { name: 'The books do not balance' })).toBeVisible();
  await expect(page.getByRole('link', { name: `…${order_id.slice(-8)}` })).toBeVisible();
  await look(page, 'office-audit-violations');
});

test('the overview leads everywhere, also by keyboard', async ({ page }) => {
  await ordered(1);
  await signIn(page);
  await expect(page.getByRole('table', { name: 'Latest orders' })).toBeVisible();
  await look(page, 'office');
  const nav = page.getByRole('navigation', { name: 'Back office' });
  for (const part of ['Products', 'Stock', 'Orders', 'Payments', 'Audit']) {
    await nav.getByRole('link', { name: part }).press('Enter');
    await expect(page.getByRole('heading', { level: 1, name: part })).toBeVisible();
    await expect(nav.getByRole('link', { name: part })).toHaveAttribute('aria-current', 'page');
  }
  await page.goto('/office/no-such-page');
  await expect(page.getByRole('heading', { level: 1, name: 'No such page in the back office' })).toBeVisible();
});

test('the office is no part of the first page', async ({ page }) => {
  const scripts: string[] = [];
  page.on('request', (request) => { if (request.resourceType() === 'script') scripts.push(request.url()); });
  await page.goto('/');
  await expect(page.getByRole('main').getByRole('link').first()).toBeVisible();
  expect(scripts.filter((s) => /Office/.test(s))).toEqual([]);
});
