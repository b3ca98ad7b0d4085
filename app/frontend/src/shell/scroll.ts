// Back and forward show the place where one was; a new page begins at its top.

import { useEffect } from 'preact/hooks';
import { useLocation } from 'wouter-preact';

interface WithEntries {
  navigation?: { currentEntry?: { key: string } | null };
}

const keyOfEntry = () => (window as WithEntries).navigation?.currentEntry?.key ?? location.href;
const storageKey = 'souk.scroll';

function load(): Map<string, number> {
  try {
    return new Map(JSON.parse(sessionStorage.getItem(storageKey) ?? '[]') as [string, number][]);
  } catch {
    return new Map();
  }
}

// The content may come later than the address: the page is scrolled as soon as it is long enough.
function restore(to: number) {
  const began = performance.now();
  let given = false;
  const give = () => { given = true; };
  for (const type of ['wheel', 'touchstart', 'keydown', 'pointerdown']) addEventListener(type, give, { once: true, passive: true });
  const attempt = () => {
    if (given) return;
    scrollTo(0, to);
    if (Math.abs(scrollY - to) > 2 && performance.now() - began < 3000) requestAnimationFrame(attempt);
  };
  attempt();
}

export function useScrollAndFocus(main: { current: HTMLElement | null }): void {
  const [path] = useLocation();

  useEffect(() => {
    history.scrollRestoration = 'manual';
    const places = load();
    let popped = true; // A reload, too, goes back to where one was.
    let key = keyOfEntry();
    let target = 0;
    let before = location.pathname;
    const keep = () => places.set(key, scrollY);
    const save = () => {
      try {
        sessionStorage.setItem(storageKey, JSON.stringify([...places].slice(-100)));
      } catch {
        // Storage may be full or forbidden.
      }
    };
    const moved = () => {
      if (popped) restore(target);
      else if (location.pathname !== before) scrollTo(0, 0);
      if (location.pathname !== before) main.current?.focus({ preventScroll: true });
      before = location.pathname;
      popped = false;
    };
    // The key changes at once: what scrolls from here on belongs to the new page.
    const onPop = () => {
      popped = true;
      key = keyOfEntry();
      target = places.get(key) ?? 0;
      requestAnimationFrame(moved);
    };
    const onPush = () => {
      key = keyOfEntry();
      requestAnimationFrame(moved);
    };
    if (places.size > 0) restore(places.get(key) ?? 0);
    popped = false;
    addEventListener('scroll', keep, { passive: true });
    addEventListener('popstate', onPop);
    addEventListener('pushState', onPush);
    addEventListener('pagehide', save);
    return () => {
      removeEventListener('scroll', keep);
      removeEventListener('popstate', onPop);
      removeEventListener('pushState', onPush);
      removeEventListener('pagehide', save);
    };
  }, [main]);

  // A drawer or a menu doesn't outlive the page that it was opened on.
  useEffect(() => {
    for (const dialog of document.querySelectorAll<HTMLDialogElement>('dialog[open]')) dialog.close();
  }, [path]);
}
