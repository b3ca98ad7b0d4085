import { signal } from '@preact/signals';
import { describe } from './describe';

export interface Toast {
  id: number;
  text: string;
  tone: 'neutral' | 'success' | 'danger';
  action?: { label: string; run: () => void };
}

export const toasts = signal<Toast[]>([]);
let last = 0;

export function dismiss(id: number) {
  toasts.value = toasts.value.filter((t) => t.id !== id);
}

// A short message that needs no answer. What must be read stands on the page instead.
export function toast(text: string, options: Partial<Omit<Toast, 'id' | 'text'>> = {}): number {
  const id = ++last;
  const same = toasts.value.filter((t) => t.text !== text).slice(-2);
  toasts.value = [...same, { id, text, tone: 'neutral', ...options }];
  setTimeout(() => dismiss(id), options.tone === 'danger' || options.action ? 9000 : 5000);
  return id;
}

export const toastError = (error: unknown) => toast(describe(error).text, { tone: 'danger' });
