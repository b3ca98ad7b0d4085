import type { ComponentChildren } from 'preact';
import { cx } from './cx';
import styles from './Table.module.css';

export interface Column<Row> {
  // Stands above the column; on a phone before the value.
  label: string;
  render: (row: Row) => ComponentChildren;
  // Numbers are aligned at their end.
  numeric?: boolean;
  // The row's name: its heading, and on a phone its first line.
  main?: boolean;
  hideLabel?: boolean;
}

interface Props<Row> {
  caption: string;
  columns: Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string | number;
  // On a phone: a card for each row, or a table that scrolls sideways.
  narrow?: 'cards' | 'scroll';
}

export function Table<Row>({ caption, columns, rows, keyOf, narrow = 'cards' }: Props<Row>) {
  return (
    <div class={cx(styles.frame, styles[narrow])} {...(narrow === 'scroll' ? { tabIndex: 0, role: 'region', 'aria-label': caption } : {})}>
      {/* The roles are lost where cells are laid out as blocks, so they are said. */}
      <table class={styles.table} role="table">
        <caption class="visually-hidden">{caption}</caption>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((c) => (
              <th key={c.label} scope="col" role="columnheader" class={cx(c.numeric && styles.numeric)}>
                <span class={cx(c.hideLabel && 'visually-hidden')}>{c.label}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <tr key={keyOf(row)} role="row">
              {columns.map((c) => {
                const own = cx(c.numeric && styles.numeric, c.main && styles.main, c.hideLabel && styles.bare);
                return c.main
                  ? <th key={c.label} scope="row" role="rowheader" class={own}>{c.render(row)}</th>
                  : <td key={c.label} role="cell" class={own} data-label={c.label}>{c.render(row)}</td>;
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
