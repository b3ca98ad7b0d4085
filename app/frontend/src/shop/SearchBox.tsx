import { useState } from 'preact/hooks';
import { useLocation } from 'wouter-preact';
import { links } from '../shell/links';
import { Search } from '../ui/icons';
import styles from './SearchBox.module.css';

export function SearchBox() {
  const [, navigate] = useLocation();
  const [text, setText] = useState('');
  return (
    <form
      role="search" class={styles.box} action="/search"
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim()) navigate(links.search(text.trim()));
      }}
    >
      <Search size={18} aria-hidden="true" class={styles.icon} />
      <input
        class={styles.input} type="search" name="search" aria-label="Search the market" placeholder="Saffron, teapot, lantern…"
        autoComplete="off" maxLength={100} value={text} onInput={(event) => setText(event.currentTarget.value)}
      />
    </form>
  );
}
