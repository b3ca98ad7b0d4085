// A form's values and what is wrong with them. Errors appear when a field is left or the form is
// sent, and go as soon as they are put right; nothing typed is ever lost.

import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from '../api/error';
import { keep as store, kept } from './kept';

export type Errors<T> = Partial<Record<keyof T & string, string>>;

interface FormOptions<T> {
  initial: T;
  // What is wrong with which field, in words for people.
  validate?: (values: T) => Errors<T>;
  submit: (values: T) => Promise<void>;
  // Where a service's pointers or parameters are not "/<field>": {"/address/city": "city"}.
  places?: Record<string, keyof T & string>;
  // The name under which what is typed is kept until it is sent or reset. Never for a card or a password.
  keep?: string | undefined;
}

const same = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);

export function serverErrors<T>(error: unknown, values: T, places: Record<string, keyof T & string> = {}) {
  const errors: Errors<T> = {};
  if (!(error instanceof ApiError)) return errors;
  for (const found of error.fields) {
    const place = found.pointer ?? found.parameter ?? '';
    const first = place.split('/').filter(Boolean)[0] ?? '';
    const field = places[place] ?? (first in (values as object) ? (first as keyof T & string) : undefined);
    if (field) errors[field] ??= found.detail;
  }
  return errors;
}

export function useForm<T extends object>({ initial, validate, submit, places, keep }: FormOptions<T>) {
  const [values, setValues] = useState<T>(() => ({ ...initial, ...(keep && kept<T>(keep)) }));
  const clean = useRef(initial);
  const [touched, setTouched] = useState<Partial<Record<keyof T, boolean>>>({});
  const [refused, setRefused] = useState<Errors<T>>({});
  const [busy, setBusy] = useState(false);
  // What belongs to no field.
  const [error, setError] = useState<unknown>();
  const form = useRef<HTMLFormElement>(null);
  const running = useRef(false);

  const changed = !same(values, clean.current);
  useEffect(() => {
    if (keep) store(keep, changed ? values : undefined);
  }, [keep, changed, values]);

  const wrong: Errors<T> = validate?.(values) ?? {};
  const errorOf = (name: keyof T & string) => (touched[name] ? wrong[name] : undefined) ?? refused[name];

  const set = <K extends keyof T & string>(name: K, value: T[K]) => {
    setValues((before) => ({ ...before, [name]: value }));
    setRefused((before) => ({ ...before, [name]: undefined }));
  };

  const focusFirstError = () =>
    requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());

  const onSubmit = async (event: Event) => {
    event.preventDefault();
    // A second click comes before the first has been drawn.
    if (running.current) return;
    setError(undefined);
    setTouched(Object.fromEntries(Object.keys(values).map((name) => [name, true])) as Partial<Record<keyof T, boolean>>);
    if (Object.values(wrong).some(Boolean)) {
      focusFirstError();
      return;
    }
    running.current = true;
    setBusy(true);
    try {
      await submit(values);
    } catch (thrown) {
      const found = serverErrors(thrown, values, places);
      setRefused(found);
      if (Object.keys(found).length > 0) focusFirstError();
      else setError(thrown);
    } finally {
      running.current = false;
      setBusy(false);
    }
  };

  return {
    values, set, busy, error,
    valid: Object.values(wrong).every((text) => !text),
    // For <form {...form.attributes}>
    attributes: { ref: form, onSubmit, noValidate: true },
    // For <TextInput label="City" {...form.field('city')} />
    field: <K extends keyof T & string>(name: K) => ({
      name,
      value: values[name] as string,
      error: errorOf(name),
      onInput: (event: Event) => set(name, (event.currentTarget as HTMLInputElement).value as T[K]),
      onBlur: () => setTouched((before) => ({ ...before, [name]: true })),
    }),
    // For <Checkbox label="…" {...form.check('gift')} />
    check: <K extends keyof T & string>(name: K) => ({
      name,
      checked: Boolean(values[name]),
      onChange: (event: Event) => set(name, (event.currentTarget as HTMLInputElement).checked as T[K]),
    }),
    // Differs from what it began with, or was reset to.
    changed,
    reset: (to: T = initial) => {
      clean.current = to;
      // The page may be left before the next drawing.
      if (keep) store(keep, undefined);
      setValues(to);
      setTouched({});
      setRefused({});
      setError(undefined);
    },
  };
}
