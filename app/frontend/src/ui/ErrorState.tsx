import { ApiError, type ErrorKind } from '../api/error';
import { Button, ButtonLink } from './Button';
import { describe } from './describe';
import { EmptyState } from './EmptyState';
import { Clock, Compass, Lock, RefreshCw, TriangleAlert, Unplug, WifiOff } from './icons';
import styles from './State.module.css';

const icons: Partial<Record<ErrorKind, typeof Clock>> = {
  offline: WifiOff, down: Unplug, timeout: Clock, limited: Clock, 'signed-out': Lock, forbidden: Lock, missing: Compass,
};

interface Props {
  error: unknown;
  onRetry?: (() => void) | undefined;
  busy?: boolean;
  // What could not be shown: "Orders".
  what?: string;
  heading?: 'h1' | 'h2' | 'h3';
}

// The face of a failure where the content would have been.
export function ErrorState({ error, onRetry, busy, what, heading }: Props) {
  const { title, text } = describe(error);
  const kind = error instanceof ApiError ? error.kind : undefined;
  const Icon = (kind && icons[kind]) ?? TriangleAlert;
  const trace = error instanceof ApiError ? error.traceId : undefined;
  const retry = onRetry && kind !== 'missing' && kind !== 'forbidden';
  return (
    <div role="alert">
      <EmptyState
        title={what ? `${what}: ${title.charAt(0).toLowerCase()}${title.slice(1)}` : title}
        icon={<Icon size={28} />}
        heading={heading}
        actions={
          <>
            {retry && <Button busy={busy} onClick={onRetry}><RefreshCw size={18} aria-hidden="true" />Try again</Button>}
            {(kind === 'missing' || kind === 'forbidden') && <ButtonLink href="/">To the market</ButtonLink>}
          </>
        }
      >
        <p>{text}</p>
        {trace && <p class={styles.trace}>Reference <code>{trace}</code></p>}
      </EmptyState>
    </div>
  );
}
