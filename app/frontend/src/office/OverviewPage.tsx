import { useQuery } from '@tanstack/preact-query';
import { Link } from 'wouter-preact';
import { healthQuery } from '../api/queries';
import type { Order, ServiceName } from '../api/types';
import { links } from '../shell/links';
import { Page } from '../shell/Page';
import { Badge } from '../ui/Badge';
import { ButtonLink } from '../ui/Button';
import { EmptyState } from '../ui/EmptyState';
import { Boxes, CreditCard, Package, Receipt, Scale, SlidersHorizontal } from '../ui/icons';
import { admin } from './admin';
import { PagedTable, usePages } from './common/list';
import { Section } from './common/parts';
import { orderColumns } from './orders/OrdersPage';
import styles from './OverviewPage.module.css';

const tiles: { path: string; label: string; text: string; icon: typeof Boxes; needs: ServiceName }[] = [
  { path: 'products', label: 'Products', text: 'Make, change, archive and import.', icon: Package, needs: 'product' },
  { path: 'stock', label: 'Stock', text: 'On hand, reserved, the ledger, deliveries.', icon: Boxes, needs: 'inventory' },
  { path: 'orders', label: 'Orders', text: 'Find, ship, deliver, refund, cancel.', icon: Receipt, needs: 'order' },
  { path: 'payments', label: 'Payments', text: 'Attempts, and the gateway\'s own record.', icon: CreditCard, needs: 'payment' },
  { path: 'gateway', label: 'Gateway', text: 'Make the payment company slow or unreliable.', icon: SlidersHorizontal, needs: 'payment' },
  { path: 'audit', label: 'Audit', text: 'Compare the books of all services.', icon: Scale, needs: 'order' },
];

export function OverviewPage() {
  const health = useQuery({ ...healthQuery, refetchInterval: 10_000 });
  const pages = usePages<Order>(['orders', 'latest'], async (_, signal) =>
    ({ items: (await admin.get('/orders', { query: { limit: 6 }, signal })).items }));
  return (
    <Page title="Back office" heading="Back office">
      <ul class={styles.tiles}>
        {tiles.map(({ path, label, text, icon: Icon, needs }) => (
          <li key={path}>
            <Link href={links.office(path)} class={styles.tile}>
              <Icon size={24} aria-hidden="true" />
              <span class={styles.label}>{label}{health.data?.services[needs].status === 'down' && <Badge tone="danger">Service down</Badge>}</span>
              <span class={styles.text}>{text}</span>
            </Link>
          </li>
        ))}
      </ul>
      <Section title="Latest orders">
        <PagedTable
          pages={pages} what="Latest orders" keyOf={(o) => o.id} columns={orderColumns} short
          empty={<EmptyState heading="h3" title="Nobody has ordered yet" icon={<Receipt size={28} />} actions={<ButtonLink href={links.home}>Be the first</ButtonLink>} />}
        />
      </Section>
    </Page>
  );
}
