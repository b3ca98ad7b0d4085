import { Page } from '../shell/Page';

export function SystemPage() {
  return <Page title="The system" heading="The system">{null}</Page>;
}
