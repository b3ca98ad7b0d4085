import { useQuery } from '@tanstack/preact-query';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useLocation, useSearch } from 'wouter-preact';
import { ApiError } from '../api/error';
import { services } from '../api/types';
import { signedIn } from '../office/session';
import { Page } from '../shell/Page';
import { Badge } from '../ui/Badge';
import { Button, IconButton } from '../ui/Button';
import { Card } from '../ui/Card';
import { describe } from '../ui/describe';
import { Drawer } from '../ui/Dialog';
import { CircleAlert, CircleCheck, Lock, X } from '../ui/icons';
import { Notice } from '../ui/Notice';
import { Skeleton, SkeletonGroup } from '../ui/Skeleton';
import { Checkout } from './Checkout';
import { Details, titleOf } from './Details';
import { checkoutFigures, mapFigures } from './figures';
import { FiguresTable } from './FiguresTable';
import { pictureOf } from './picture';
import { busyEvery, idleEvery, metricQuery, systemHealth, type MetricName } from './queries';
import { sendShoppers, shoppersAtOnce, type Tally } from './shoppers';
import { Shoppers } from './Shoppers';
import { SignIn } from './SignIn';
import { SystemMap, type Chosen } from './SystemMap';
import { orderAddress, Trace } from './Trace';
import styles from './SystemPage.module.css';

// An answer this old says nothing about now.
const tooOld = 20_000;

function useMetric(name: MetricName, enabled: boolean, every: number) {
  const query = useQuery(metricQuery(name, enabled, every));
  const fresh = enabled && !(query.error && Date.now() - query.dataUpdatedAt > tooOld);
  return { data: fresh ? query.data : undefined, error: enabled ? query.error : null, retry: () => void query.refetch(), busy: query.isFetching };
}

// One line that says how it stands.
function Summary({ health, failed }: { health: ReturnType<typeof useHealth>['health']; failed: boolean }) {
  if (failed) return <span class={styles.bad}><CircleAlert size={18} aria-hidden="true" />The gateway does not answer. Health is not known.</span>;
  if (!health) return <span>Asking the services…</span>;
  const down = services.filter((s) => health.services[s].status !== 'up');
  const versions = [...new Set(services.map((s) => health.services[s].version).filter(Boolean))];
  return down.length === 0
    ? <span class={styles.good}><CircleCheck size={18} aria-hidden="true" />All five services are up{versions.length === 1 ? `, version ${versions[0]}` : ''}.</span>
    : <span class={styles.bad}><CircleAlert size={18} aria-hidden="true" />{down.length === 1 ? `The ${down[0]} service is down.` : `Down: ${down.join(', ')}.`} The rest goes on.</span>;
}

function useHealth() {
  const query = useQuery(systemHealth);
  return { health: query.data, failed: query.error != null && Date.now() - query.dataUpdatedAt > 7000 };
}

function useShoppers() {
  const [tally, setTally] = useState<Tally>();
  const run = useRef<ReturnType<typeof sendShoppers>>();
  useEffect(() => () => run.current?.end(), []);
  return {
    tally,
    send: () => {
      run.current?.end();
      run.current = sendShoppers(setTally);
    },
    stop: () => run.current?.stop(),
  };
}

export function SystemPage() {
  const { health, failed } = useHealth();
  const { tally, send, stop } = useShoppers();
  const [, navigate] = useLocation();
  const order = new URLSearchParams(useSearch()).get('order') ?? undefined;
  const [asked, setAsked] = useState(false);
  const [chosen, setChosen] = useState<Chosen>();
  const [narrow, setNarrow] = useState(() => matchMedia('(width < 62rem)').matches);
  const panel = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const query = matchMedia('(width < 62rem)');
    const look = () => setNarrow(query.matches);
    query.addEventListener('change', look);
    return () => query.removeEventListener('change', look);
  }, []);

  const signed = signedIn.value;
  const busy = tally?.phase === 'running' || tally?.phase === 'leaving';
  // Prometheus sees a change some seconds later: the questions stay frequent for a while.
  const [lively, setLively] = useState(false);
  useEffect(() => {
    if (busy) return setLively(true);
    const timer = setTimeout(() => setLively(false), 30_000);
    return () => clearTimeout(timer);
  }, [busy]);
  const every = lively ? busyEvery : idleEvery;
  const of = {
    services: useMetric('services', signed, every), calls: useMetric('calls', signed, every), stores: useMetric('stores', signed, every),
    gateway: useMetric('gateway', signed, every), versions: useMetric('versions', signed, every), checkout: useMetric('checkout', signed, every),
  };
  const asking = Object.values(of);
  const refused = asking.some((m) => m.error instanceof ApiError && (m.error.kind === 'signed-out' || m.error.kind === 'forbidden'));
  useEffect(() => {
    if (refused) signedIn.value = false;
  }, [refused]);

  const map = useMemo(() => mapFigures({
    services: of.services.data, calls: of.calls.data, stores: of.stores.data, gateway: of.gateway.data,
  }), [of.services.data, of.calls.data, of.stores.data, of.gateway.data]);
  const figures = signed && Boolean(of.services.data ?? of.calls.data ?? of.stores.data);
  const picture = pictureOf({
    health, healthFailed: failed, versions: of.versions.data, figures, map, tally, atWork: shoppersAtOnce,
  });
  const wrong = signed && !refused ? asking.find((m) => m.error)?.error : undefined;
  const silent = wrong !== undefined && asking.every((m) => m.data === undefined);
  const retry = () => asking.forEach((m) => m.retry());

  const choose = (id: Chosen) => {
    setChosen(id);
    if (!narrow) requestAnimationFrame(() => panel.current?.scrollIntoView({ block: 'nearest', behavior: 'smooth' }));
  };

  return (
    <Page
      title="The system" heading="The system at work"
      actions={!signed && <Button onClick={() => setAsked(true)}><Lock size={18} aria-hidden="true" />Sign in for the figures</Button>}
    >
      <div class={styles.page}>
        <div class={styles.intro}>
          <p class={styles.lead}>A gateway, five services, each with a store of its own, and a payment company. Every line below is a call that is allowed; there are no others.</p>
          <p class={styles.summary} role="status"><Summary health={health} failed={failed} /></p>
        </div>

        <Shoppers tally={tally} onSend={send} onStop={stop} />

        {silent && <NoFigures error={wrong} onRetry={retry} />}
        {wrong !== undefined && !silent && (
          <Notice tone="warning" title="Some figures are missing" actions={<Button size="small" onClick={retry}>Try again</Button>}>{describe(wrong).text}</Notice>
        )}

        <section aria-labelledby="map-heading">
          <Card>
            <div class={styles.head}>
              <h2 id="map-heading">The map</h2>
              {figures && <Badge tone="accent">{lively ? 'live' : 'last 30 seconds'}</Badge>}
            </div>
            <SystemMap picture={picture} chosen={chosen} onChoose={choose} />
            {chosen && !narrow && (
              <div ref={panel} class={styles.panel} role="region" aria-labelledby="chosen-heading">
                <div class={styles.panelHead}>
                  <h3 id="chosen-heading">{titleOf(chosen)}</h3>
                  <IconButton label="Close" onClick={() => setChosen(undefined)}><X size={20} aria-hidden="true" /></IconButton>
                </div>
                <Details id={chosen} picture={picture} onChoose={choose} />
              </div>
            )}
            <details class={styles.table}>
              <summary>The same as a table</summary>
              <div class={styles.tables}><FiguresTable picture={picture} /></div>
            </details>
          </Card>
        </section>
        {narrow && (
          <Drawer open={chosen !== undefined} onClose={() => setChosen(undefined)} title={chosen ? titleOf(chosen) : ''}>
            {chosen && <Details id={chosen} picture={picture} onChoose={choose} />}
          </Drawer>
        )}

        <section aria-labelledby="checkout-heading">
          <Card>
            <div class={styles.head}><h2 id="checkout-heading">Checkouts</h2></div>
            {!signed && <ForAdministrators what="How many orders are in which state, how they end, and what they bring" onSignIn={() => setAsked(true)} />}
            {signed && (of.checkout.data
              ? <Checkout figures={checkoutFigures(of.checkout.data)} />
              : of.checkout.error
                ? <p class={styles.soft}>There are no figures of checkouts at the moment.</p>
                : <SkeletonGroup label="Loading the figures"><Skeleton shape="block" height="6rem" /><Skeleton /><Skeleton /></SkeletonGroup>)}
          </Card>
        </section>

        <section aria-labelledby="trace-heading">
          <Card>
            <div class={styles.head}><h2 id="trace-heading">One order, from service to service</h2></div>
            {signed
              ? <Trace order={order} onOrder={(id) => navigate(orderAddress(id))} />
              : <ForAdministrators what="The trace of an order: each call and statement, with its time" onSignIn={() => setAsked(true)} />}
          </Card>
        </section>
      </div>
      <SignIn open={asked} onClose={() => setAsked(false)} />
    </Page>
  );
}

function NoFigures({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  const status = error instanceof ApiError ? error.status : 0;
  if (status === 404) {
    return (
      <Notice tone="warning" live title="No Prometheus is configured">
        There are no figures without it; health and versions are shown all the same. Start the gateway with <code>PROMETHEUS_URL</code>.
      </Notice>
    );
  }
  const [title, text] = status === 503
    ? ['Your sign-in can’t be checked', 'The services that could do it do not answer. Health and versions are shown all the same.']
    : ['Prometheus does not answer', 'There are no figures while it is away; health and versions are shown all the same. They come back by themselves.'];
  return <Notice tone="warning" live title={title} actions={<Button size="small" onClick={onRetry}>Try again</Button>}>{text}</Notice>;
}

function ForAdministrators({ what, onSignIn }: { what: string; onSignIn: () => void }) {
  return (
    <div class={styles.locked}>
      <Lock size={20} aria-hidden="true" />
      <p>{what}: open to the administrator.</p>
      <Button size="small" onClick={onSignIn}>Sign in</Button>
    </div>
  );
}
