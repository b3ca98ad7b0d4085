import { Component, type ComponentChildren } from 'preact';
import { Button } from '../ui/Button';
import { EmptyState } from '../ui/EmptyState';
import { ErrorState } from '../ui/ErrorState';
import { RefreshCw } from '../ui/icons';

interface State {
  error: unknown;
}

// A new version of the store has other chunks than the page that is open.
const isOldChunk = (error: unknown) =>
  error instanceof Error && /dynamically imported module|preload CSS|module script/i.test(error.message);

// What a page throws stays within the page. With another `at` it tries again.
export class ErrorBoundary extends Component<{ at: string; children: ComponentChildren }, State> {
  override state: State = { error: undefined };

  static override getDerivedStateFromError(error: unknown): State {
    return { error: error ?? new Error('thrown without an error') };
  }

  override componentDidUpdate(before: { at: string }) {
    if (before.at !== this.props.at && this.state.error !== undefined) this.setState({ error: undefined });
  }

  override render() {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    if (isOldChunk(error)) {
      return (
        <EmptyState
          title="This page could not be loaded" heading="h1" icon={<RefreshCw size={28} />}
          actions={<Button kind="primary" onClick={() => location.reload()}>Load again</Button>}
        >
          <p>You may be offline, or the store has been renewed since you opened it.</p>
        </EmptyState>
      );
    }
    return <ErrorState error={error} heading="h1" onRetry={() => this.setState({ error: undefined })} />;
  }
}
