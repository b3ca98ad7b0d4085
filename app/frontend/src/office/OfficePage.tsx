import { useEffect, useRef, useState } from 'preact/hooks';
import { Link, Route, Switch, useLocation } from 'wouter-preact';
import { links } from '../shell/links';
import { Page } from '../shell/Page';
import { Button, ButtonLink } from '../ui/Button';
import { EmptyState } from '../ui/EmptyState';
import { Boxes, Compass, CreditCard, LayoutDashboard, LogOut, Package, Receipt, Scale, SlidersHorizontal } from '../ui/icons';
import { toastError } from '../ui/toast';
import { AuditPage } from './audit/AuditPage';
import { GatewayPage } from './gateway/GatewayPage';
import { OverviewPage } from './OverviewPage';
import { OrderPage } from './orders/OrderPage';
import { OrdersPage } from './orders/OrdersPage';
import { PaymentPage } from './payments/PaymentPage';
import { PaymentsPage } from './payments/PaymentsPage';
import { EditProductPage } from './products/EditProductPage';
import { ImportPage } from './products/ImportPage';
import { NewProductPage } from './products/NewProductPage';
import { ProductsPage } from './products/ProductsPage';
import { SignInDialog, SignInPage } from './SignIn';
import { signedIn, signOut } from './session';
import { StockItemPage } from './stock/StockItemPage';
import { StockPage } from './stock/StockPage';
import styles from './OfficePage.module.css';

const parts = [
  { path: '', label: 'Overview', icon: LayoutDashboard },
  { path: 'products', label: 'Products', icon: Package },
  { path: 'stock', label: 'Stock', icon: Boxes },
  { path: 'orders', label: 'Orders', icon: Receipt },
  { path: 'payments', label: 'Payments', icon: CreditCard },
  { path: 'gateway', label: 'Gateway', icon: SlidersHorizontal },
  { path: 'audit', label: 'Audit', icon: Scale },
];

function OfficeNav() {
  const [path] = useLocation();
  const [busy, setBusy] = useState(false);
  const list = useRef<HTMLUListElement>(null);
  const here = path.split('/')[2] ?? '';
  // Sideways only, within the row.
  useEffect(() => {
    const row = list.current;
    const current = row?.querySelector<HTMLElement>('[aria-current]');
    if (!row || !current) return undefined;
    const show = () => row.scrollTo({ left: current.offsetLeft - (row.clientWidth - current.offsetWidth) / 2 });
    show();
    addEventListener('resize', show);
    return () => removeEventListener('resize', show);
  }, [here]);
  const leave = async () => {
    setBusy(true);
    try {
      await signOut();
    } catch (error) {
      toastError(error);
      setBusy(false);
    }
  };
  return (
    <div class={styles.lane}><div class={styles.bar}>
      <nav aria-label="Back office" class={styles.nav}>
        <ul ref={list} class={styles.list}>
          {parts.map(({ path: part, label, icon: Icon }) => (
            <li key={part}>
              <Link href={links.office(part)} aria-current={part === here ? 'page' : undefined}>
                <Icon size={18} aria-hidden="true" />{label}
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      <Button kind="quiet" size="small" class={styles.out} busy={busy} onClick={() => void leave()}>
        <LogOut size={18} aria-hidden="true" /><span>Sign out</span>
      </Button>
    </div></div>
  );
}

function NothingHere() {
  return (
    <Page title="Nothing here">
      <EmptyState
        heading="h1" title="No such page in the back office" icon={<Compass size={28} />}
        actions={<ButtonLink href={links.office()}>To the overview</ButtonLink>}
      >
        <p>The address may be misspelled, or from another store.</p>
      </EmptyState>
    </Page>
  );
}

export function OfficePage() {
  if (!signedIn.value) return <SignInPage />;
  return (
    <>
      <OfficeNav />
      <Switch>
        <Route path="/office" component={OverviewPage} />
        <Route path="/office/products" component={ProductsPage} />
        <Route path="/office/products/new" component={NewProductPage} />
        <Route path="/office/products/import" component={ImportPage} />
        <Route path="/office/products/:id">{({ id }) => <EditProductPage key={id} id={id} />}</Route>
        <Route path="/office/stock" component={StockPage} />
        <Route path="/office/stock/:id">{({ id }) => <StockItemPage key={id} id={id} />}</Route>
        <Route path="/office/orders" component={OrdersPage} />
        <Route path="/office/orders/:id">{({ id }) => <OrderPage key={id} id={id} />}</Route>
        <Route path="/office/payments" component={PaymentsPage} />
        <Route path="/office/payments/:id">{({ id }) => <PaymentPage key={id} id={id} />}</Route>
        <Route path="/office/gateway" component={GatewayPage} />
        <Route path="/office/audit" component={AuditPage} />
        <Route component={NothingHere} />
      </Switch>
      <SignInDialog />
    </>
  );
}
