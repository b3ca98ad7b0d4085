import { ButtonLink } from '../ui/Button';
import { EmptyState } from '../ui/EmptyState';
import { Compass } from '../ui/icons';
import { links } from './links';
import { Page } from './Page';

export function NotFoundPage() {
  return (
    <Page title="Not found">
      <EmptyState
        heading="h1" title="This lane leads nowhere" icon={<Compass size={28} />}
        actions={<><ButtonLink href={links.home} kind="primary">To the market</ButtonLink><ButtonLink href={links.orders}>Your orders</ButtonLink></>}
      >
        <p>There is no page at this address. It may have moved, or the link has a slip in it.</p>
      </EmptyState>
    </Page>
  );
}
