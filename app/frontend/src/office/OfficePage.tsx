import { Page } from '../shell/Page';

export function OfficePage() {
  return <Page title="Back office" heading="Back office">{null}</Page>;
}
