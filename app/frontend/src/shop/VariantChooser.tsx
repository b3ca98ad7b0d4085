import { useId } from 'preact/hooks';
import { cx } from '../ui/cx';
import { FieldError } from '../ui/Field';
import { swatchOf } from './swatch';
import type { Group, OptionState, Selection } from './variants';
import styles from './VariantChooser.module.css';

interface Props {
  groups: Group[];
  selection: Selection;
  // Attributes that must still be chosen, once somebody wanted to buy without.
  missing: readonly string[];
  onChoose: (name: string, value: string) => void;
}

const said: Record<OptionState, string> = { available: '', 'sold-out': ', sold out', apart: ', not in this combination' };

// Each attribute is a group of radio buttons that look like what they choose.
export function VariantChooser({ groups, selection, missing, onChoose }: Props) {
  const id = useId();
  return (
    <>
      {groups.map((group) => {
        const wrong = missing.includes(group.name);
        const own = `${id}-${group.name}`;
        return (
          <fieldset key={group.name} class={styles.group} aria-describedby={wrong ? `${own}-error` : undefined}>
            <legend class={styles.legend}>
              {group.label}{selection[group.name] && <span class={styles.chosen}><span class="visually-hidden">: </span>{selection[group.name]}</span>}
            </legend>
            <div class={styles.options}>
              {group.options.map(({ value, state }) => {
                const swatch = swatchOf(group.name, value);
                return (
                  <label key={value} class={cx(styles.option, state === 'sold-out' ? styles.soldOut : state === 'apart' && styles.apart)} title={state === 'sold-out' ? 'Sold out' : state === 'apart' ? 'Not in this combination' : undefined}>
                    <input
                      type="radio" class={styles.radio} name={own} value={value} checked={selection[group.name] === value} aria-label={`${value}${said[state]}`}
                      data-attribute={group.name} aria-invalid={wrong || undefined} onChange={() => onChoose(group.name, value)}
                    />
                    {swatch && <span class={styles.swatch} style={{ background: swatch }} aria-hidden="true" />}
                    <span class={styles.text}>{value}</span>
                  </label>
                );
              })}
            </div>
            {wrong && <FieldError id={`${own}-error`}>Choose the {group.label.toLowerCase()} first.</FieldError>}
          </fieldset>
        );
      })}
    </>
  );
}
