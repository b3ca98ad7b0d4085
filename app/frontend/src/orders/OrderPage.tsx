import { Page } from '../shell/Page';

export function OrderPage() {
  return <Page title="Order" heading="Order">{null}</Page>;
}
