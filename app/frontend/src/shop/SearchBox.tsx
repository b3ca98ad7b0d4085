import { signal } from '@preact/signals';
import { useQuery } from '@tanstack/preact-query';
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { useLocation, useSearch } from 'wouter-preact';
import type { Suggestion } from '../api/types';
import { links } from '../shell/links';
import { IconButton } from '../ui/Button';
import { cx } from '../ui/cx';
import { ArrowRight, Search, Tag, X } from '../ui/icons';
import { Picture } from '../ui/Picture';
import { addressOf } from './listing';
import { suggestQuery } from './queries';
import styles from './SearchBox.module.css';

const titles: Record<Suggestion['kind'], string> = { search: 'Searches', category: 'Categories', brand: 'Makers', product: 'Products' };
const order: Suggestion['kind'][] = ['search', 'category', 'brand', 'product'];

function addressFor({ kind, text, slug }: Suggestion): string {
  switch (kind) {
    case 'product': return links.product(slug ?? text);
    case 'category': return links.category(text);
    case 'brand': return addressOf({ brands: [text] });
    case 'search': return links.search(text);
  }
}

// What has been typed, in what it may become.
function Marked({ text, of }: { text: string; of: string }) {
  const word = of.trim().split(/\s+/).at(-1) ?? '';
  const at = word === '' ? -1 : text.toLocaleLowerCase().indexOf(word.toLocaleLowerCase());
  if (at < 0) return <>{text}</>;
  return <>{text.slice(0, at)}<mark>{text.slice(at, at + word.length)}</mark>{text.slice(at + word.length)}</>;
}

function What({ suggestion, of }: { suggestion: Suggestion; of: string }) {
  const { kind, text, count, image } = suggestion;
  const path = kind === 'category' ? text.split('/') : [];
  return (
    <>
      {kind === 'product' ? <Picture src={image} name={text} class={styles.thumb} />
        : kind === 'search' ? <Search size={16} aria-hidden="true" class={styles.kind} />
        : kind === 'brand' ? <Tag size={16} aria-hidden="true" class={styles.kind} />
        : <ArrowRight size={16} aria-hidden="true" class={styles.kind} />}
      <span class={styles.text}>
        <Marked text={path.at(-1) ?? text} of={of} />
        {path.length > 1 && <span class={styles.in}> in {path.slice(0, -1).join(', ')}</span>}
      </span>
      {count !== undefined && count > 0 && <span class={styles.count}>{count}<span class="visually-hidden"> products</span></span>}
    </>
  );
}

// What is typed outlives a turn of the device, which puts the field elsewhere.
const typed = signal('');
let typedAt = '';

// A combobox after the pattern of the ARIA Authoring Practices: the focus stays in the field.
export function SearchBox() {
  const [path, navigate] = useLocation();
  const query = useSearch();
  const present = path === '/search' ? (new URLSearchParams(query).get('search') ?? '') : '';
  const text = typed.value;
  const setText = (to: string) => { typed.value = to; };
  const [asked, setAsked] = useState('');
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  const id = useId();

  useLayoutEffect(() => {
    const place = `${path} ${present}`;
    if (place !== typedAt) setText(present);
    typedAt = place;
  }, [present, path]);
  useEffect(() => {
    const timer = setTimeout(() => setAsked(text.trim().slice(0, 100)), 120);
    return () => clearTimeout(timer);
  }, [text]);
  // "/" leads here from wherever nothing is typed, as soon as the box is to be seen.
  useLayoutEffect(() => {
    const listen = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || target.isContentEditable) return;
      if (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || document.querySelector('dialog:modal')) return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    };
    addEventListener('keydown', listen);
    return () => removeEventListener('keydown', listen);
  }, []);

  const { data } = useQuery(suggestQuery(open ? asked : ''));
  const found = text.trim() === '' || asked === '' ? [] : (data?.items ?? []);
  const suggestions = order.flatMap((kind) => found.filter((s) => s.kind === kind));
  const shown = open && suggestions.length > 0;
  const chosen = shown ? suggestions[active] : undefined;
  useEffect(() => setActive(-1), [data]);
  useEffect(() => {
    if (chosen) document.getElementById(`${id}-${active}`)?.scrollIntoView({ block: 'nearest' });
  }, [active]);

  const go = (to: string) => {
    setOpen(false);
    setActive(-1);
    navigate(to);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    const last = suggestions.length - 1;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      if (!shown) setOpen(true);
      else if (event.key === 'ArrowDown') setActive(active >= last ? -1 : active + 1);
      else setActive(active < 0 ? last : active - 1);
    } else if (event.key === 'Escape' && shown) {
      event.preventDefault();
      setOpen(false);
      setActive(-1);
    } else if (event.key === 'Enter' && chosen) {
      event.preventDefault();
      go(addressFor(chosen));
    } else if (event.key === 'Tab') {
      setOpen(false);
    }
  };

  return (
    <form
      role="search" class={styles.box} action="/search"
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim() === '') return;
        input.current?.blur();
        go(links.search(text.trim()));
      }}
      onFocusOut={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOpen(false);
      }}
    >
      <Search size={18} aria-hidden="true" class={styles.icon} />
      <input
        ref={input} class={styles.input} type="text" inputMode="search" enterkeyhint="search" name="search"
        role="combobox" aria-label="Search the market" aria-expanded={shown} aria-controls={`${id}-list`} aria-autocomplete="list"
        aria-activedescendant={chosen ? `${id}-${active}` : undefined} aria-keyshortcuts="/"
        placeholder="Saffron, teapot, lantern…" autoComplete="off" autoCorrect="off" spellcheck={false} maxLength={100}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setOpen(true);
        }}
        onClick={() => setOpen(true)}
        onKeyDown={onKeyDown}
      />
      {text !== '' && (
        <IconButton label="Clear the search" class={styles.clear} onClick={() => { setText(''); setActive(-1); input.current?.focus(); }}>
          <X size={18} aria-hidden="true" />
        </IconButton>
      )}
      {/* A press must not take the focus from the field, or the list would be gone before the click. */}
      <div id={`${id}-list`} role="listbox" aria-label="Suggestions" class={cx(styles.list, !shown && styles.closed)} onMouseDown={(event) => event.preventDefault()}>
        {shown && order.map((kind) => {
          const group = suggestions.filter((s) => s.kind === kind);
          return group.length > 0 && (
            <div key={kind} role="group" aria-label={titles[kind]} class={styles.group}>
              <div class={styles.title} aria-hidden="true">{titles[kind]}</div>
              {group.map((suggestion) => {
                const at = suggestions.indexOf(suggestion);
                return (
                  <div
                    key={`${suggestion.text}${suggestion.slug}`} id={`${id}-${at}`} role="option" aria-selected={at === active}
                    class={cx(styles.option, at === active && styles.active)}
                    onMouseMove={() => { if (at !== active) setActive(at); }}
                    onClick={() => go(addressFor(suggestion))}
                  >
                    <What suggestion={suggestion} of={asked} />
                  </div>
                );
              })}
            </div>
          );
        })}
      </div>
      <span class="visually-hidden" role="status">
        {shown ? `${suggestions.length} ${suggestions.length === 1 ? 'suggestion' : 'suggestions'}` : ''}
      </span>
    </form>
  );
}
