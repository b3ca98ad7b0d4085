import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { Link } from 'wouter-preact';
import { Button, IconButton } from '../../ui/Button';
import { describe } from '../../ui/describe';
import { cx } from '../../ui/cx';
import { Dialog } from '../../ui/Dialog';
import { ArrowLeft, Copy } from '../../ui/icons';
import { Notice } from '../../ui/Notice';
import { toast } from '../../ui/toast';
import styles from './common.module.css';

const counts = new Intl.NumberFormat();
export const count = (n: number) => counts.format(n);
const signed = new Intl.NumberFormat(undefined, { signDisplay: 'exceptZero' });
export const change = (n: number) => signed.format(n);
export const plural = (n: number, one: string, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

export const isId = (text: string) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);

// The end of a UUIDv7 tells two apart; its beginning is the time.
export const ShortId = ({ id }: { id: string }) => <span class={styles.id} title={id}>…{id.slice(-8)}</span>;

export async function copyText(text: string, what: string) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied`);
  } catch {
    toast(`${what} could not be copied: the browser does not allow it here`, { tone: 'danger' });
  }
}

export function CopyableId({ id, what }: { id: string; what: string }) {
  return (
    <span class={styles.whole}>
      <span class={styles.id}>{id.slice(0, 18)}<wbr />{id.slice(18)}</span>
      <IconButton label={`Copy ${what}`} class={styles.copy} onClick={() => void copyText(id, what)}><Copy size={16} aria-hidden="true" /></IconButton>
    </span>
  );
}

export const BackLink = ({ href, children }: { href: string; children: ComponentChildren }) =>
  <Link href={href} class={styles.back}><ArrowLeft size={16} aria-hidden="true" />{children}</Link>;

export function Facts({ items }: { items: (false | undefined | [label: string, value: ComponentChildren])[] }) {
  return (
    <dl class={styles.facts}>
      {items.map((item) => item && <><dt key={item[0]}>{item[0]}</dt><dd>{item[1]}</dd></>)}
    </dl>
  );
}

export interface Stat {
  label: string;
  value: ComponentChildren;
  tone?: 'good' | 'bad' | 'wary' | undefined;
}

export const Stats = ({ items }: { items: Stat[] }) => (
  <dl class={styles.stats}>
    {items.map(({ label, value, tone }) => (
      <div key={label} class={cx(styles.stat, tone && styles[tone])}><dt>{label}</dt><dd>{value}</dd></div>
    ))}
  </dl>
);

export function Section({ title, children }: { title: ComponentChildren; children: ComponentChildren }) {
  return <section class={styles.section}><h2>{title}</h2>{children}</section>;
}

export const Filters = ({ children }: { children: ComponentChildren }) => <div class={styles.filters} role="search">{children}</div>;

// Something that is done by a click, and what came of it. A second click does nothing meanwhile.
export function useAction<Args extends unknown[]>(run: (...args: Args) => Promise<void>) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const running = useRef(false);
  const start = async (...args: Args) => {
    if (running.current) return;
    running.current = true;
    setBusy(true);
    setError(undefined);
    try {
      await run(...args);
    } catch (thrown) {
      setError(thrown);
    } finally {
      running.current = false;
      setBusy(false);
    }
  };
  return { busy, error, start: (...args: Args) => void start(...args), forget: () => setError(undefined) };
}

// Why something was refused, beside what was tried.
export function Refused({ error }: { error: unknown }) {
  if (error == null) return null;
  const { title, text } = describe(error);
  return <Notice tone="danger" live title={title}>{text}</Notice>;
}

interface ConfirmProps {
  open: boolean;
  title: string;
  confirm: string;
  busy: boolean;
  error?: unknown;
  onConfirm: () => void;
  onClose: () => void;
  children: ComponentChildren;
}

export function ConfirmDialog({ open, title, confirm, busy, error, onConfirm, onClose, children }: ConfirmProps) {
  return (
    <Dialog
      open={open} onClose={onClose} title={title}
      footer={
        <div class={styles.buttons}>
          <Button kind="danger" busy={busy} onClick={onConfirm}>{confirm}</Button>
          <Button kind="quiet" onClick={onClose}>Keep it</Button>
        </div>
      }
    >
      <div class={styles.stack}>{children}<Refused error={error} /></div>
    </Dialog>
  );
}
