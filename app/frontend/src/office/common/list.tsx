// Lists that are fetched page by page, and their filters, which stand in the address.

import { keepPreviousData, useInfiniteQuery } from '@tanstack/preact-query';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useLocation, useSearch } from 'wouter-preact';
import { cx } from '../../ui/cx';
import { ErrorState } from '../../ui/ErrorState';
import { TextInput } from '../../ui/Field';
import { Search } from '../../ui/icons';
import { LoadMore } from '../../ui/LoadMore';
import { Skeleton, SkeletonGroup } from '../../ui/Skeleton';
import { Table, type Column } from '../../ui/Table';
import styles from './common.module.css';

interface PageOf<T> {
  items: T[];
  next_cursor?: string;
  total?: number;
  total_is_at_least?: boolean;
}

export function usePages<T, More = unknown>(key: readonly unknown[], fetchPage: (cursor: string | undefined, signal: AbortSignal) => Promise<PageOf<T> & More>) {
  const query = useInfiniteQuery({
    queryKey: ['office', ...key],
    queryFn: ({ pageParam, signal }) => fetchPage(pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor,
    // While a filter changes, what was there before stays.
    placeholderData: keepPreviousData,
    staleTime: 0,
  });
  const pages = query.data?.pages;
  return { query, items: pages?.flatMap((p) => p.items), total: pages?.[0]?.total, atLeast: pages?.[0]?.total_is_at_least };
}

type Pages<T> = Omit<ReturnType<typeof usePages<T>>, 'query'> & { query: Omit<ReturnType<typeof usePages<T>>['query'], 'data'> };

interface ListProps<T> {
  pages: Pages<T>;
  what: string;
  columns: Column<T>[];
  keyOf: (row: T) => string | number;
  empty: ComponentChildren;
  // A few rows of what is listed in full elsewhere.
  short?: boolean;
  above?: ComponentChildren;
  // What leads on, if not "Show more".
  more?: string | undefined;
}

export function TableSkeleton({ what, rows = 6 }: { what: string; rows?: number }) {
  return (
    <SkeletonGroup label={`Loading ${what.toLowerCase()}`}>
      <div class={styles.rows}>{Array.from({ length: rows }, (_, i) => <Skeleton key={i} shape="block" height="3.25rem" />)}</div>
    </SkeletonGroup>
  );
}

export function PagedTable<T>({ pages, what, columns, keyOf, empty, short, above, more }: ListProps<T>) {
  const { query, items, total, atLeast } = pages;
  if (!items) {
    return query.error
      ? <ErrorState error={query.error} what={what} busy={query.isFetching} onRetry={() => void query.refetch()} />
      : <TableSkeleton what={what} />;
  }
  if (items.length === 0) return <>{empty}</>;
  return (
    <div aria-busy={query.isPlaceholderData || undefined} class={cx(styles.list, query.isPlaceholderData && styles.old)}>
      {above}
      <Table caption={what} columns={columns} rows={items} keyOf={keyOf} />
      {!short && <LoadMore
        shown={items.length} total={total} atLeast={atLeast} label={more} more={query.hasNextPage} busy={query.isFetchingNextPage || (query.isError && query.isFetching)}
        error={query.error} onMore={() => void (query.isRefetchError ? query.refetch() : query.fetchNextPage())}
      />}
    </div>
  );
}

// The filters of a list by name; an empty one is not in the address.
export function useFilters<Name extends string>(...names: Name[]) {
  const [path, navigate] = useLocation();
  const search = useSearch();
  const query = new URLSearchParams(search);
  const values = Object.fromEntries(names.map((name) => [name, query.get(name) ?? ''])) as Record<Name, string>;
  const set = (name: Name, value: string) => {
    const next = new URLSearchParams(location.search);
    if (value) next.set(name, value);
    else next.delete(name);
    const text = next.toString();
    navigate(text ? `${path}?${text}` : path, { replace: true });
  };
  const any = names.some((name) => values[name] !== '');
  return { values, set, any, clear: () => navigate(path, { replace: true }) };
}

interface SearchProps {
  label: string;
  hint?: string;
  value: string;
  error?: string | undefined;
  onChange: (value: string) => void;
  placeholder?: string;
  type?: 'search' | 'text';
  inputMode?: 'numeric';
}

// Is told of what is typed after a short rest.
export function FilterInput({ label, hint, value, error, onChange, placeholder, type = 'search', inputMode }: SearchProps) {
  const [text, setText] = useState(value);
  const timer = useRef<number>();
  const told = useRef(value);
  useEffect(() => {
    if (value !== told.current) setText(value);
    told.current = value;
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const tell = (to: string) => {
    clearTimeout(timer.current);
    told.current = to.trim();
    onChange(to.trim());
  };
  return (
    <TextInput
      label={label} hint={hint} error={error} type={type} inputMode={inputMode} value={text} placeholder={placeholder} autoComplete="off"
      before={type === 'search' ? <Search size={18} aria-hidden="true" /> : undefined} maxLength={200}
      onInput={(event) => {
        const to = event.currentTarget.value;
        setText(to);
        clearTimeout(timer.current);
        timer.current = window.setTimeout(() => tell(to), 300);
      }}
      onKeyDown={(event) => { if (event.key === 'Enter') tell(text); }}
    />
  );
}
