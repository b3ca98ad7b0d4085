import { useInfiniteQuery } from '@tanstack/preact-query';
import { Link } from 'wouter-preact';
import { api } from '../api/client';
import { knownUserId } from '../api/session';
import type { Order } from '../api/types';
import { links } from '../shell/links';
import { Page } from '../shell/Page';
import { Badge } from '../ui/Badge';
import { ButtonLink } from '../ui/Button';
import { Time } from '../ui/Dates';
import { EmptyState } from '../ui/EmptyState';
import { ChevronRight, Package } from '../ui/icons';
import { Loaded } from '../ui/Loaded';
import { LoadMore } from '../ui/LoadMore';
import { money } from '../ui/money';
import { Picture } from '../ui/Picture';
import { Price } from '../ui/Price';
import { Skeleton, SkeletonGroup } from '../ui/Skeleton';
import { badgeOf, isMoving, shortId } from './words';
import styles from './OrdersPage.module.css';

const pageSize = 12;
const places = 3;

function Row({ order }: { order: Order }) {
  const badge = badgeOf(order);
  const items = order.lines.reduce((sum, l) => sum + l.quantity, 0);
  const shown = order.lines.length > places ? places - 1 : places;
  const more = order.lines.length - shown;
  const [first] = order.lines;
  return (
    <li class={styles.row}>
      <div class={styles.pictures} aria-hidden="true">
        {order.lines.slice(0, shown).map((line) => <Picture key={line.product_id} src={line.image} class={styles.picture} />)}
        {more > 0 && <span class={styles.more}>+{more}</span>}
      </div>
      <div class={styles.what}>
        <h2 class={styles.title}>
          <Link href={links.order(order.id)} class={styles.link} aria-label={`${first?.name ?? 'Order'}${order.lines.length > 1 ? ` and ${order.lines.length - 1} more` : ''}, order ${shortId(order.id)}`}>
            <span class={styles.name}>{first?.name}</span>{order.lines.length > 1 && <span class={styles.others}> and {order.lines.length - 1} more</span>}
          </Link>
        </h2>
        <p class={styles.detail}>
          <Time at={order.created_at} show="date" /> · {items === 1 ? '1 item' : `${new Intl.NumberFormat().format(items)} items`} · <span class={styles.number}>{shortId(order.id)}</span>
        </p>
      </div>
      <div class={styles.end}>
        <Badge tone={badge.tone}>{badge.label}</Badge>
        <span class={styles.total}><Price minor={order.total_minor} currency={order.currency} /></span>
        {order.refunded_minor > 0 && order.state !== 'cancelled' && <span class={styles.detail}>{money(order.refunded_minor, order.currency)} refunded</span>}
      </div>
      <ChevronRight size={20} aria-hidden="true" class={styles.chevron} />
    </li>
  );
}

const skeleton = (
  <SkeletonGroup label="Loading your orders">
    <div class={styles.waiting}>{[0, 1, 2].map((i) => <Skeleton key={i} shape="block" />)}</div>
  </SkeletonGroup>
);

const empty = (
  <EmptyState
    title="No orders yet" icon={<Package size={28} />}
    actions={<ButtonLink href={links.home} kind="primary">Look around the market</ButtonLink>}
  >
    <p>What you buy in this browser is listed here, with its state and everything that has happened to it.</p>
  </EmptyState>
);

function Orders() {
  const query = useInfiniteQuery({
    queryKey: ['orders', 'list'],
    queryFn: ({ pageParam, signal }) => api.get('/orders', { query: { limit: pageSize, ...(pageParam && { cursor: pageParam }) }, signal }),
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor,
    staleTime: 5000,
    refetchOnWindowFocus: true,
    refetchInterval: ({ state }) => (state.data?.pages.some((page) => page.items.some(isMoving)) ? 4000 : false),
  });
  return (
    <Loaded query={{ ...query, isFetching: query.isFetching, error: query.isFetchNextPageError ? undefined : query.error }} skeleton={skeleton}>
      {({ pages }) => {
        const orders = pages.flatMap((page) => page.items);
        if (orders.length === 0) return empty;
        return (
          <>
            <ul class={styles.list}>{orders.map((order) => <Row key={order.id} order={order} />)}</ul>
            {(query.hasNextPage || pages.length > 1) && (
              <LoadMore
                shown={orders.length} more={query.hasNextPage} busy={query.isFetchingNextPage}
                error={query.isFetchNextPageError ? query.error : undefined} onMore={() => void query.fetchNextPage()}
              />
            )}
          </>
        );
      }}
    </Loaded>
  );
}

export function OrdersPage() {
  // Who has never had a cart has no orders; nobody needs to be asked.
  return <Page title="Your orders" heading="Your orders" width="narrow">{knownUserId() === undefined ? empty : <Orders />}</Page>;
}
