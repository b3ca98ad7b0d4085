import { Link } from 'wouter-preact';
import styles from './Breadcrumbs.module.css';

// The last one is where we are.
export function Breadcrumbs({ items }: { items: { label: string; href?: string }[] }) {
  return (
    <nav aria-label="Breadcrumbs" class={styles.nav}>
      <ol class={styles.list}>
        {items.map((item, index) => (
          <li key={item.label + item.href}>
            {item.href && index < items.length - 1 ? <Link href={item.href}>{item.label}</Link> : <span aria-current="page">{item.label}</span>}
          </li>
        ))}
      </ol>
    </nav>
  );
}
