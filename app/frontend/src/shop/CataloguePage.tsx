import { Page } from '../shell/Page';

export function CataloguePage() {
  return <Page title="Catalogue" heading="Catalogue">{null}</Page>;
}
