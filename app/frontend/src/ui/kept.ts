// What was typed and not yet sent outlives a look at another page, and a reload of this one. It is
// this tab's own, and gone when the administrator signs out.

const prefix = 'souk.typed.';

export function kept<T>(name: string): T | undefined {
  try {
    return (JSON.parse(sessionStorage.getItem(prefix + name) ?? 'null') as T | null) ?? undefined;
  } catch {
    return undefined;
  }
}

export function keep(name: string, value: unknown): void {
  try {
    if (value === undefined) sessionStorage.removeItem(prefix + name);
    else sessionStorage.setItem(prefix + name, JSON.stringify(value));
  } catch {
    // Storage may be full or forbidden: the page still has it.
  }
}

export function forgetAll(): void {
  try {
    for (const name of Object.keys(sessionStorage)) if (name.startsWith(prefix)) sessionStorage.removeItem(name);
  } catch {
    // Then there is nothing to forget.
  }
}
