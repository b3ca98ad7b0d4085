import { Page } from '../shell/Page';

export function OrdersPage() {
  return <Page title="Your orders" heading="Your orders">{null}</Page>;
}
