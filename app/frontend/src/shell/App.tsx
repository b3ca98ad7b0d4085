import { QueryClientProvider } from '@tanstack/preact-query';
import { Suspense } from 'preact/compat';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Route, Switch, useLocation } from 'wouter-preact';
import { queryClient } from '../api/query';
import { CartDrawer } from '../cart/CartDrawer';
import { WifiOff } from '../ui/icons';
import { Skeleton, SkeletonGroup } from '../ui/Skeleton';
import { Toasts } from '../ui/Toasts';
import { ErrorBoundary } from './ErrorBoundary';
import { Footer } from './Footer';
import { Header } from './Header';
import { Page } from './Page';
import { routes } from './routes';
import { useScrollAndFocus } from './scroll';
import { pageTitle } from './title';
import styles from './App.module.css';

function OfflineBanner() {
  const [offline, setOffline] = useState(!navigator.onLine);
  useEffect(() => {
    const look = () => setOffline(!navigator.onLine);
    addEventListener('online', look);
    addEventListener('offline', look);
    return () => {
      removeEventListener('online', look);
      removeEventListener('offline', look);
    };
  }, []);
  return (
    <div role="status">
      {offline && <p class={styles.offline}><WifiOff size={18} aria-hidden="true" />You are offline. What you see may be old.</p>}
    </div>
  );
}

const waiting = (
  <Page title={undefined}>
    <SkeletonGroup label="Loading the page"><Skeleton shape="title" /><Skeleton /><Skeleton width="80%" /></SkeletonGroup>
  </Page>
);

function Shell() {
  const [path] = useLocation();
  const main = useRef<HTMLElement>(null);
  useScrollAndFocus(main);
  return (
    <div class={styles.shell}>
      <a class={styles.skip} href="#main" onClick={(event) => { event.preventDefault(); main.current?.focus(); }}>Skip to the content</a>
      <Header />
      <OfflineBanner />
      <main id="main" ref={main} tabIndex={-1} class={styles.main}>
        <ErrorBoundary at={path}>
          <Suspense fallback={waiting}>
            <Switch>
              {routes.map(({ path: pattern, page }) => <Route key={pattern} path={pattern} component={page as never} />)}
            </Switch>
          </Suspense>
        </ErrorBoundary>
      </main>
      <Footer />
      <CartDrawer />
      <Toasts />
      <p class="visually-hidden" role="status" aria-live="polite">{pageTitle.value}</p>
    </div>
  );
}

export const App = () => <QueryClientProvider client={queryClient}><Shell /></QueryClientProvider>;
