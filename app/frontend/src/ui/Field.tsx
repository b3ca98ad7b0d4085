import type { ComponentChildren, JSX } from 'preact';
import { useId } from 'preact/hooks';
import { CircleAlert } from './icons';
import { cx } from './cx';
import styles from './Field.module.css';

interface FieldProps {
  label: ComponentChildren;
  hint?: ComponentChildren;
  error?: string | undefined;
  optional?: boolean;
  hideLabel?: boolean;
  class?: string;
}

interface Wiring {
  id: string;
  'aria-describedby': string | undefined;
  'aria-invalid': boolean | undefined;
}

// A control with its label, and hint and error where a screen reader finds them.
export function Field(props: FieldProps & { id?: string | undefined; children: (wiring: Wiring) => ComponentChildren }) {
  const own = useId();
  const id = props.id ?? own;
  const { label, hint, error, optional, hideLabel, children } = props;
  const described = cx(hint !== undefined && `${id}-hint`, error && `${id}-error`) || undefined;
  return (
    <div class={cx(styles.field, props.class)}>
      <label for={id} class={cx(styles.label, hideLabel && 'visually-hidden')}>
        {label}{optional && <span class={styles.optional}> (optional)</span>}
      </label>
      {hint !== undefined && <div id={`${id}-hint`} class={styles.hint}>{hint}</div>}
      {children({ id, 'aria-describedby': described, 'aria-invalid': error ? true : undefined })}
      {error && <FieldError id={`${id}-error`}>{error}</FieldError>}
    </div>
  );
}

export function FieldError({ id, children }: { id?: string; children: ComponentChildren }) {
  return <p id={id} class={styles.error}><CircleAlert size={16} aria-hidden="true" /><span>{children}</span></p>;
}

type Native<Tag extends 'input' | 'select' | 'textarea'> =
  Omit<JSX.IntrinsicElements[Tag], 'label' | 'class' | 'id' | 'children' | 'size'> & { id?: string };

export type TextInputProps = FieldProps & Native<'input'> & { before?: ComponentChildren; after?: ComponentChildren };

export function TextInput({ label, hint, error, optional, hideLabel, class: own, id, before, after, ...input }: TextInputProps) {
  return (
    <Field {...{ label, hint, error, optional, hideLabel, class: own, id }}>
      {(wiring) => (
        <div class={styles.box}>
          {before && <span class={styles.affix}>{before}</span>}
          <input type="text" {...input} {...wiring} class={styles.control} />
          {after && <span class={styles.affix}>{after}</span>}
        </div>
      )}
    </Field>
  );
}

export function TextArea({ label, hint, error, optional, hideLabel, class: own, id, ...input }: FieldProps & Native<'textarea'>) {
  return (
    <Field {...{ label, hint, error, optional, hideLabel, class: own, id }}>
      {(wiring) => <div class={styles.box}><textarea rows={4} {...input} {...wiring} class={styles.control} /></div>}
    </Field>
  );
}

type SelectProps = FieldProps & Native<'select'> & { children: ComponentChildren };

export function Select({ label, hint, error, optional, hideLabel, class: own, id, children, ...input }: SelectProps) {
  return (
    <Field {...{ label, hint, error, optional, hideLabel, class: own, id }}>
      {(wiring) => (
        <div class={cx(styles.box, styles.select)}>
          <select {...input} {...wiring} class={styles.control}>{children}</select>
        </div>
      )}
    </Field>
  );
}

type CheckboxProps = Omit<Native<'input'>, 'type'> & { label: ComponentChildren; hint?: ComponentChildren; type?: 'checkbox' | 'radio' };

export function Checkbox({ label, hint, type = 'checkbox', ...input }: CheckboxProps) {
  return (
    <label class={styles.check}>
      <input {...input} type={type} />
      <span class={styles.checkLabel}>{label}{hint && <span class={styles.hint}>{hint}</span>}</span>
    </label>
  );
}
