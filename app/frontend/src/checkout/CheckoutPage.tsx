import { Page } from '../shell/Page';

export function CheckoutPage() {
  return <Page title="Checkout" heading="Checkout">{null}</Page>;
}
