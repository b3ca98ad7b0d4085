import { signal } from '@preact/signals';

export type Theme = 'system' | 'light' | 'dark';

const storageKey = 'souk.theme';
const chosen = document.documentElement.dataset.theme;

export const theme = signal<Theme>(chosen === 'light' || chosen === 'dark' ? chosen : 'system');

export function setTheme(to: Theme): void {
  theme.value = to;
  if (to === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = to;
  try {
    localStorage.setItem(storageKey, to);
  } catch {
    // Storage may be forbidden: the choice then lasts as long as the page.
  }
}
