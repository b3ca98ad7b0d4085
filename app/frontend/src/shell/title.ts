import { signal } from '@preact/signals';
import { useLayoutEffect } from 'preact/hooks';

// What the present page is called; a screen reader hears it when the page has changed.
export const pageTitle = signal('');

// Each page says its name; undefined while it isn't known yet.
export function useTitle(title: string | undefined): void {
  useLayoutEffect(() => {
    if (title === undefined) return;
    document.title = title === '' ? 'Souk' : `${title} · Souk`;
    pageTitle.value = title === '' ? 'Souk' : title;
  }, [title]);
}
