import { useQuery } from '@tanstack/preact-query';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Link, useLocation } from 'wouter-preact';
import { categoriesQuery } from '../api/queries';
import { CartButton } from '../cart/CartButton';
import { SearchBox } from '../shop/SearchBox';
import { IconButton } from '../ui/Button';
import { cx } from '../ui/cx';
import { Drawer } from '../ui/Dialog';
import { Activity, Menu, Package, Wrench } from '../ui/icons';
import { Mark } from '../ui/Logo';
import { categoryOf, links } from './links';
import { ThemeToggle } from './ThemeToggle';
import styles from './Header.module.css';

function Categories({ class: own }: { class: string | undefined }) {
  const [path] = useLocation();
  const { data } = useQuery(categoriesQuery);
  const list = useRef<HTMLUListElement>(null);
  const here = categoryOf(path)?.split('/')[0];
  // Sideways only, within the row.
  useEffect(() => {
    const row = list.current;
    const current = row?.querySelector<HTMLElement>('[aria-current]');
    if (row && current && row.scrollWidth > row.clientWidth) {
      row.scrollTo({ left: current.offsetLeft - (row.clientWidth - current.offsetWidth) / 2 });
    }
  }, [here, data]);
  return (
    <ul ref={list} class={own}>
      {(data?.items ?? []).map((category) => (
        <li key={category.path}>
          <Link href={links.category(category.path)} aria-current={category.path === here ? 'page' : undefined}>{category.name}</Link>
        </li>
      ))}
    </ul>
  );
}

export function Header() {
  const [path] = useLocation();
  const [menu, setMenu] = useState(false);
  const back = path.startsWith('/office') || path === '/system';
  return (
    <header class={styles.header}>
      <div class={styles.bar}>
        <IconButton label="Menu" class={styles.menu} aria-haspopup="dialog" aria-expanded={menu} onClick={() => setMenu(true)}>
          <Menu size={22} aria-hidden="true" />
        </IconButton>
        <Link href={links.home} class={styles.logo} aria-label="Souk, home">
          <Mark /><span class={styles.word} aria-hidden="true">Souk</span>
        </Link>
        <div class={styles.search}><SearchBox /></div>
        <nav class={styles.tools} aria-label="Store">
          <Link href={links.system} class={cx(styles.tool, styles.wide, styles.widest)} aria-current={path === '/system' ? 'page' : undefined}>
            <Activity size={20} aria-hidden="true" />System
          </Link>
          <Link href={links.office()} class={cx(styles.tool, styles.wide, styles.widest)} aria-current={path.startsWith('/office') ? 'page' : undefined}>
            <Wrench size={20} aria-hidden="true" />Office
          </Link>
          <Link href={links.orders} class={cx(styles.tool, styles.wide)} aria-current={path.startsWith('/orders') ? 'page' : undefined}>
            <Package size={20} aria-hidden="true" />Orders
          </Link>
          <ThemeToggle class={styles.wide} />
          <CartButton />
        </nav>
      </div>
      <div class={cx(styles.lanes, back && styles.gone)}>
        <nav class={styles.categories} aria-label="Categories"><Categories class={styles.row} /></nav>
      </div>
      <Drawer side="left" open={menu} onClose={() => setMenu(false)} title="Souk">
        <nav aria-label="Menu" class={styles.drawer}>
          <h3>The market</h3>
          <Categories class={styles.list} />
          <h3>Yours</h3>
          <ul class={styles.list}><li><Link href={links.orders}>Orders</Link></li></ul>
          <h3>Behind the counter</h3>
          <ul class={styles.list}>
            <li><Link href={links.office()}>Back office</Link></li>
            <li><Link href={links.system}>The system</Link></li>
            <li><a href={links.docs}>API documentation</a></li>
          </ul>
          <div class={styles.theme}><ThemeToggle withText /></div>
        </nav>
      </Drawer>
    </header>
  );
}
