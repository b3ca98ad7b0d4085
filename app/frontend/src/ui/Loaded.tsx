import type { ComponentChildren } from 'preact';
import { Button } from './Button';
import { ErrorState } from './ErrorState';
import { Notice } from './Notice';
import { describe } from './describe';
import styles from './Loaded.module.css';

// What useQuery() gives, as far as it matters here.
interface Query<T> {
  data: T | undefined;
  error: unknown;
  isFetching: boolean;
  refetch: () => unknown;
}

interface Props<T> {
  query: Query<T>;
  skeleton: ComponentChildren;
  what?: string;
  heading?: 'h1' | 'h2' | 'h3';
  children: (data: T) => ComponentChildren;
}

// A skeleton while there is nothing yet, the failure's face if there is nothing to show, otherwise
// the content; a failed renewal is said above what was known before.
export function Loaded<T>({ query, skeleton, what, heading, children }: Props<T>) {
  const { data, error, isFetching } = query;
  const retry = () => void query.refetch();
  if (data === undefined) {
    return error != null
      ? <ErrorState error={error} onRetry={retry} busy={isFetching} what={what} heading={heading} />
      : <>{skeleton}</>;
  }
  return (
    <>
      {error != null && (
        <div class={styles.old}>
          <Notice tone="warning" live title="This may be out of date" actions={<Button size="small" busy={isFetching} onClick={retry}>Try again</Button>}>
            {describe(error).text}
          </Notice>
        </div>
      )}
      {children(data)}
    </>
  );
}
