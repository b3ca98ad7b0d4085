import { expect, type Page } from '@playwright/test';
import { address, cards } from '../support/shop.ts';
import { look } from './fixtures.ts';

// What a shopper does between the cart and the order.

// Puts products into the cart of this browser, as its own session, and opens the checkout.
export async function checkoutWith(page: Page, ...lines: [product: string, quantity: number][]) {
  await page.goto('/orders');
  await fillCart(page, ...lines);
  await page.goto('/checkout');
  await expect(page.getByRole('button', { name: /^Pay / })).toBeVisible();
}

export async function fillCart(page: Page, ...lines: [product: string, quantity: number][]) {
  const status = await page.evaluate(async (wanted) => {
    const session = await (await fetch('/api/session', { method: 'POST' })).json() as { user_id: string };
    localStorage.setItem('souk.shopper', session.user_id);
    for (const [product_id, quantity] of wanted) {
      const answer = await fetch(`/api/cart/${session.user_id}/items`, {
        method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ product_id, quantity }),
      });
      if (!answer.ok) return answer.status;
    }
    return 200;
  }, lines);
  expect(status).toBe(200);
}

export async function fillAddress(page: Page) {
  await page.getByLabel('Full name').fill(address.name);
  await page.getByLabel('Country').selectOption(address.country);
  await page.getByLabel('Street and number').fill(address.line1);
  await page.getByLabel('Postal code').fill(address.postal_code);
  await page.getByLabel('City').fill(address.city);
}

export async function fillCard(page: Page, number: string = cards.approve) {
  await page.getByLabel('Card number').fill(number);
  await page.getByLabel('Valid until').fill(`12${(new Date().getFullYear() + 2) % 100}`);
  await page.getByLabel('Security code').fill('123');
  await page.getByLabel('Name on the card').fill(address.name);
}

export const pay = (page: Page) => page.getByRole('button', { name: /^Pay / }).click();

// This browser's orders, newest first, in the API's words.
export async function ordersOf(page: Page): Promise<any[]> {
  const answer = await page.request.get('/api/orders?limit=100');
  expect(answer.status(), await answer.text()).toBe(200);
  return (await answer.json()).items;
}

export const thanks = (page: Page) => page.getByRole('heading', { level: 1, name: /^Thank you/ });
export const timeline = (page: Page) => page.getByRole('list', { name: 'Timeline of the order' });

export async function bought(page: Page): Promise<string> {
  await expect(thanks(page)).toBeVisible({ timeout: 30_000 });
  return new URL(page.url()).pathname.split('/')[2]!;
}

// From the cart to the confirmed order.
export async function buy(page: Page, ...lines: [product: string, quantity: number][]): Promise<string> {
  await checkoutWith(page, ...lines);
  await fillAddress(page);
  await fillCard(page);
  await pay(page);
  return bought(page);
}

// Photographed from its top, where what sticks to the window's edge belongs.
export async function lookFromTop(page: Page, name: string) {
  await page.evaluate(() => scrollTo(0, 0));
  await look(page, name);
}
