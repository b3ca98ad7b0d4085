import { Page } from '../shell/Page';

export function ProductPage() {
  return <Page title="Product" heading="Product">{null}</Page>;
}
