import type { ComponentChildren } from 'preact';
import { useId, useRef } from 'preact/hooks';
import { cx } from './cx';
import styles from './Tabs.module.css';

interface Props<Id extends string> {
  label: string;
  tabs: { id: Id; label: ComponentChildren }[];
  selected: Id;
  onSelect: (id: Id) => void;
  // The selected tab's panel.
  children: ComponentChildren;
}

// Tabs within a page. Parts of the store that have an address of their own are links instead.
export function Tabs<Id extends string>({ label, tabs, selected, onSelect, children }: Props<Id>) {
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  const move = (event: KeyboardEvent) => {
    const at = tabs.findIndex((t) => t.id === selected);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = tabs[(to + tabs.length) % tabs.length]!;
    onSelect(next.id);
    list.current?.querySelector<HTMLElement>(`[data-tab="${next.id}"]`)?.focus();
  };
  return (
    <div>
      <div ref={list} class={styles.list} role="tablist" aria-label={label} onKeyDown={move}>
        {tabs.map((t) => (
          <button
            key={t.id} type="button" role="tab" data-tab={t.id} id={`${id}-${t.id}`} aria-controls={`${id}-panel`}
            aria-selected={t.id === selected} tabIndex={t.id === selected ? 0 : -1}
            class={cx(styles.tab, t.id === selected && styles.selected)} onClick={() => onSelect(t.id)}
          >{t.label}</button>
        ))}
      </div>
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${selected}`} class={styles.panel}>{children}</div>
    </div>
  );
}
