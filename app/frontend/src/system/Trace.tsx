import { useQuery } from '@tanstack/preact-query';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { Link } from 'wouter-preact';
import { api } from '../api/client';
import { ApiError } from '../api/error';
import type { Order } from '../api/types';
import { Button } from '../ui/Button';
import { cx } from '../ui/cx';
import { Time } from '../ui/Dates';
import { Checkbox, TextInput } from '../ui/Field';
import { ChevronDown, ChevronRight, CircleAlert, Search } from '../ui/icons';
import { Loaded } from '../ui/Loaded';
import { money } from '../ui/money';
import { Notice } from '../ui/Notice';
import { Skeleton, SkeletonGroup } from '../ui/Skeleton';
import { links } from '../shell/links';
import * as show from './format';
import { traceQuery } from './queries';
import { visible, waterfallsOf, type Row, type Waterfall } from './trace';
import styles from './Trace.module.css';

export const orderAddress = (id: string) => `${links.system}?order=${encodeURIComponent(id)}`;
const anId = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const shortId = (id: string) => id.slice(-8).toUpperCase();

const serviceClass: Record<string, string | undefined> = {
  'product-service': styles.product, 'cart-service': styles.cart, 'order-service': styles.order,
  'payment-service': styles.payment, 'inventory-service': styles.inventory, 'mock-gateway': styles.partner,
};
const hue = (service: string) => serviceClass[service] ?? styles.stranger;
const shortName = (service: string) => service.replace(/-service$/, '');

const outcomeOf = (step: Row) => step.tags.find((t) => t.key === 'souk.outcome')?.value ?? 'done';

// A long trace is shown in portions.
export const portion = 150;

// What the exporter adds to each span alike.
const plumbing = ['internal.span.format', 'otel.scope.name', 'otel.scope.version'];

function Tags({ row }: { row: Row }) {
  return (
    <dl class={styles.tags}>
      <div><dt>begins</dt><dd>after {show.duration(row.start)}</dd></div>
      <div><dt>lasts</dt><dd>{show.duration(row.duration)}</dd></div>
      <div><dt>span</dt><dd>{row.id}</dd></div>
      {row.tags.filter((t) => !plumbing.includes(t.key)).slice(0, 40).map((t) => <div key={t.key}><dt>{t.key}</dt><dd>{t.value}</dd></div>)}
    </dl>
  );
}

interface SpanProps {
  row: Row;
  current: boolean;
  folds: boolean;
  folded: boolean;
  open: boolean;
  onFocus: () => void;
  onOpen: () => void;
  onFold: () => void;
}

// Where a bar's time stands: behind it, or before it, or, where there is no room for either, on it.
const placeOf = ({ left, width }: Row) => (left + width <= 0.8 ? 'after' : left >= 0.2 ? 'before' : 'inside');
const timeAt = { after: (r: Row) => ({ insetInlineStart: `${(r.left + r.width) * 100}%` }), before: (r: Row) => ({ insetInlineEnd: `${(1 - r.left) * 100}%` }), inside: (r: Row) => ({ insetInlineEnd: `${(1 - r.left - r.width) * 100}%` }) };

function Span({ row, current, folds, folded, open, onFocus, onOpen, onFold }: SpanProps) {
  const Fold = folded ? ChevronRight : ChevronDown;
  const place = placeOf(row);
  return (
    <li class={cx(styles.row, styles[row.kind], row.error && styles.failed)}>
      <button
        type="button" data-span={row.id} class={styles.span} tabIndex={current ? 0 : -1} aria-expanded={open}
        onFocus={onFocus} onClick={onOpen}
        aria-label={`${row.name}, ${shortName(row.service)}, ${show.duration(row.duration)}${row.error ? ', failed' : ''}, level ${row.depth + 1}${folds ? `, ${row.below} below${folded ? ', folded' : ''}` : ''}`}
      >
        <span class={cx(styles.label, !folds && styles.leaf)} style={{ '--depth': Math.min(row.depth, 10) }}>
          {folds && <Fold size={16} class={styles.fold} aria-hidden="true" onClick={(event: Event) => { event.stopPropagation(); onFold(); }} />}
          <span class={styles.what}>
            <span class={cx(styles.chip, hue(row.service))}>{shortName(row.service)}</span>
            <span class={styles.name}>{row.name.split(/(?=\/)/).map((part, i) => <>{i > 0 && <wbr />}{part}</>)}</span>
          </span>
          {row.error && <CircleAlert size={15} class={styles.alert} aria-hidden="true" />}
        </span>
        <span class={styles.lane}>
          <span class={cx(styles.bar, hue(row.service))} style={{ insetInlineStart: `${row.left * 100}%`, inlineSize: `${row.width * 100}%` }} />
          <span class={cx(styles.time, place === 'inside' && styles.inside)} style={timeAt[place](row)}>{show.duration(row.duration)}</span>
        </span>
      </button>
      {open && <Tags row={row} />}
    </li>
  );
}

export function TraceView({ trace, number, of }: { trace: Waterfall; number: number; of: number }) {
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const [open, setOpen] = useState<string>();
  const [statements, setStatements] = useState(false);
  const [limit, setLimit] = useState(portion);
  const [at, setAt] = useState(trace.rows[0]?.id);
  const list = useRef<HTMLOListElement>(null);
  const all = useMemo(() => visible(trace.rows, folded, statements), [trace, folded, statements]);
  // What can be folded: whatever has something to show below it.
  const parents = useMemo(() => new Set(visible(trace.rows, new Set(), statements).map((r) => r.parent)), [trace, statements]);
  const rows = all.slice(0, limit);
  const here = rows.some((r) => r.id === at) ? at : rows[0]?.id;
  const focus = (id: string | undefined) => {
    if (!id) return;
    setAt(id);
    requestAnimationFrame(() => list.current?.querySelector<HTMLElement>(`[data-span="${id}"]`)?.focus());
  };
  const fold = (id: string, to?: boolean) => setFolded((before) => {
    const after = new Set(before);
    if (to ?? !before.has(id)) after.add(id);
    else after.delete(id);
    return after;
  });
  const goTo = (step: Row) => {
    setFolded(new Set());
    const place = visible(trace.rows, new Set(), statements).findIndex((r) => r.id === step.id);
    if (place >= limit) setLimit(place + 1);
    setOpen(step.id);
    focus(step.id);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const i = rows.findIndex((r) => r.id === here);
    const row = rows[i];
    if (!row || !(event.target as HTMLElement).dataset.span) return;
    const to = { ArrowDown: rows[i + 1], ArrowUp: rows[i - 1], Home: rows[0], End: rows[rows.length - 1] }[event.key];
    if (to) focus(to.id);
    else if (event.key === 'ArrowRight' && parents.has(row.id)) fold(row.id, false);
    else if (event.key === 'ArrowLeft' && parents.has(row.id) && !folded.has(row.id)) fold(row.id, true);
    else if (event.key === 'ArrowLeft') focus(row.parent);
    else return;
    event.preventDefault();
  };
  return (
    <article class={styles.trace} aria-label={of > 1 ? `Trace ${number} of ${of}` : 'Trace'}>
      <p class={styles.summary}>
        {of > 1 && <strong>{number} of {of}. </strong>}
        <Time at={new Date(trace.startedAt).toISOString()} /> · <strong>{show.duration(trace.duration)}</strong> · {show.count(trace.rows.length)} spans
        in {trace.services.length} services{trace.errors > 0 && <> · <span class={styles.errors}>{show.count(trace.errors)} failed</span></>}
        {trace.continues && ' · continues an earlier request'}
      </p>
      <p class={styles.traceId}>Trace <code>{trace.traceId}</code></p>
      {trace.steps.length > 0 && (
        <ol class={styles.steps} aria-label="Steps of the checkout">
          {trace.steps.map((s) => (
            <li key={s.id}>
              <button type="button" class={cx(styles.stepLink, s.error && styles.failed)} onClick={() => goTo(s)}>
                {s.name.replace(/^checkout /, '').replace(/_/g, ' ')} <span class={styles.stepTime}>{show.duration(s.duration)}, {s.error ? 'failed' : outcomeOf(s)}</span>
              </button>
            </li>
          ))}
        </ol>
      )}
      <div class={styles.options}>
        <ul class={styles.legend} aria-label="Services">
          {trace.services.map((s) => <li key={s}><span class={cx(styles.chip, hue(s))}>{shortName(s)}</span></li>)}
        </ul>
        <Checkbox label={`Database statements (${show.count(trace.rows.filter((r) => r.kind === 'sql').length)})`} checked={statements} onChange={(event) => setStatements(event.currentTarget.checked)} />
      </div>
      <div class={styles.axis} aria-hidden="true">
        {[0, 0.25, 0.5, 0.75, 1].map((t) => <span key={t} style={{ insetInlineStart: `${t * 100}%` }}>{t === 0 ? '0' : show.duration(trace.duration * t)}</span>)}
      </div>
      <ol ref={list} class={styles.rows} onKeyDown={onKeyDown} aria-label="Spans. The arrow keys move, right and left unfold and fold, Enter shows what is known.">
        {rows.map((row) => (
          <Span
            key={row.id} row={row} current={row.id === here} folds={parents.has(row.id)} folded={folded.has(row.id)} open={open === row.id}
            onFocus={() => setAt(row.id)} onOpen={() => setOpen(open === row.id ? undefined : row.id)} onFold={() => fold(row.id)}
          />
        ))}
      </ol>
      {all.length > limit && (
        <p class={styles.more}>
          <Button size="small" onClick={() => setLimit(limit + portion)}>Show {show.count(Math.min(portion, all.length - limit))} more of {show.count(all.length - limit)}</Button>
        </p>
      )}
    </article>
  );
}

function Missing({ error, retry, busy }: { error: unknown; retry: () => void; busy: boolean }) {
  if (error instanceof ApiError && error.type === 'tracing-not-configured') {
    return (
      <Notice title="No trace store is configured">
        <p>
          Start the store with <code>OTEL_EXPORTER_OTLP_ENDPOINT</code> (where the services send their spans) and <code>JAEGER_QUERY_URL</code> (where
          the gateway asks for traces), for example:
        </p>
        <pre class={styles.how}>OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 \{'\n'}JAEGER_QUERY_URL=http://127.0.0.1:16686 ./souk up</pre>
      </Notice>
    );
  }
  if (error instanceof ApiError && (error.kind === 'down' || error.kind === 'timeout')) {
    return <Notice tone="warning" live title="The trace store does not answer" actions={<Button size="small" busy={busy} onClick={retry}>Try again</Button>}>One is configured, but it can’t be reached now. Everything else goes on.</Notice>;
  }
  return null;
}

function OrderTrace({ order }: { order: string }) {
  const query = useQuery(traceQuery(order));
  const said = query.error && query.data === undefined ? Missing({ error: query.error, retry: () => void query.refetch(), busy: query.isFetching }) : null;
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.scrollIntoView({ block: 'nearest' }), [order]);
  return (
    <div class={styles.chosen}>
      <h3 ref={heading}>Order {shortId(order)} <Link href={links.office(`orders/${order}`)} class={styles.toOrder}>in the back office</Link></h3>
      {said ?? (
        <Loaded query={query} what="Trace" heading="h3" skeleton={<SkeletonGroup label="Loading the trace"><Skeleton /><Skeleton shape="block" height="12rem" /></SkeletonGroup>}>
          {(answer) => {
            const traces = waterfallsOf(answer);
            if (traces.length === 0) {
              return (
                <Notice title="No trace of this order" actions={<Button size="small" busy={query.isFetching} onClick={() => void query.refetch()}>Look again</Button>}>
                  Spans arrive a few seconds after the work was done. Traces are kept for a time only, and a large store keeps a share of them.
                </Notice>
              );
            }
            return <>{traces.slice(0, 5).map((t, i) => <TraceView key={t.traceId} trace={t} number={i + 1} of={Math.min(5, traces.length)} />)}</>;
          }}
        </Loaded>
      )}
    </div>
  );
}

function Recent({ chosen }: { chosen: string | undefined }) {
  const query = useQuery({
    queryKey: ['system', 'orders'],
    queryFn: ({ signal }) => api.get('/orders', { admin: true, query: { limit: 8 }, signal }),
    refetchInterval: 10_000,
    staleTime: 0,
    retry: false,
  });
  return (
    <Loaded query={query} what="Recent orders" heading="h3" skeleton={<SkeletonGroup label="Loading the orders"><Skeleton /><Skeleton /><Skeleton /></SkeletonGroup>}>
      {({ items }) => (items.length === 0
        ? <p class={styles.soft}>There is no order yet. Send some shoppers.</p>
        : (
          <ul class={styles.recent} aria-label="Recent orders">
            {(items as Order[]).map((o) => (
              <li key={o.id}>
                <Link href={orderAddress(o.id)} class={styles.orderLink} aria-current={o.id === chosen ? 'true' : undefined}>
                  <span class={styles.id}>{shortId(o.id)}</span>
                  <span class={styles.orderState}>{o.state}</span>
                  <span class={styles.soft}>{money(o.total_minor, o.currency)} · <Time at={o.created_at} show="ago" /></span>
                </Link>
              </li>
            ))}
          </ul>
        ))}
    </Loaded>
  );
}

export function Trace({ order, onOrder }: { order: string | undefined; onOrder: (id: string) => void }) {
  const [text, setText] = useState('');
  const [wrong, setWrong] = useState<string>();
  const search = (event: Event) => {
    event.preventDefault();
    const id = text.trim();
    if (!anId.test(id)) return setWrong('That is no order number: it looks like 01a20414-702e-727e-85c1-a2629893bcf0.');
    onOrder(id.toLowerCase());
  };
  return (
    <div class={styles.section}>
      <div class={styles.choice}>
        <Recent chosen={order} />
        <form onSubmit={search} class={styles.search} noValidate>
          <TextInput label="Order number" value={text} error={wrong} onInput={(event) => { setText(event.currentTarget.value); setWrong(undefined); }} autoComplete="off" spellcheck={false} />
          <Button type="submit"><Search size={18} aria-hidden="true" />Show its trace</Button>
        </form>
      </div>
      {order && (anId.test(order) ? <OrderTrace key={order} order={order} /> : <Notice tone="warning">The address names no order number.</Notice>)}
    </div>
  );
}
