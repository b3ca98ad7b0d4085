import { useQuery } from '@tanstack/preact-query';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Link, useLocation } from 'wouter-preact';
import { categoriesQuery } from '../api/queries';
import { CartButton } from '../cart/CartButton';
import { SearchBox } from '../shop/SearchBox';
import { Button, IconButton } from '../ui/Button';
import { cx } from '../ui/cx';
import { Drawer } from '../ui/Dialog';
import { Activity, Menu, Package, Wrench } from '../ui/icons';
import { Mark } from '../ui/Logo';
import { categoryOf, links } from './links';
import { phone, useMedia } from './media';
import { ThemeToggle } from './ThemeToggle';
import styles from './Header.module.css';

// The row below the header: what doesn't fit is drawn sideways, or found in the menu.
function CategoryRow({ here }: { here: string | undefined }) {
  const { data } = useQuery(categoriesQuery);
  const list = useRef<HTMLUListElement>(null);
  // Sideways only, within the row.
  useEffect(() => {
    const row = list.current;
    const current = row?.querySelector<HTMLElement>('[aria-current]');
    if (row && current && row.scrollWidth > row.clientWidth) {
      row.scrollTo({ left: current.offsetLeft - (row.clientWidth - current.offsetWidth) / 2 });
    }
  }, [here, data]);
  return (
    <ul ref={list} class={styles.row}>
      {(data?.items ?? []).map((category) => (
        <li key={category.path}>
          <Link href={links.category(category.path)} aria-current={category.path === here ? 'page' : undefined}>{category.name}</Link>
        </li>
      ))}
    </ul>
  );
}

// All categories; those of the present one are unfolded.
function CategoryMenu({ here }: { here: string | undefined }) {
  const { data, error, refetch, isFetching } = useQuery(categoriesQuery);
  if (!data) {
    return error
      ? <p class={styles.failed}>The categories can't be loaded just now. <Button size="small" busy={isFetching} onClick={() => void refetch()}>Try again</Button></p>
      : null;
  }
  const top = here?.split('/')[0];
  return (
    <ul class={styles.list}>
      {data.items.map((category) => (
        <li key={category.path}>
          <Link href={links.category(category.path)} aria-current={category.path === here ? 'page' : undefined}>
            {category.name}<span class={styles.count}>{category.count}<span class="visually-hidden"> products</span></span>
          </Link>
          {category.path === top && category.children.length > 0 && (
            <ul class={styles.inner}>
              {category.children.map((child) => (
                <li key={child.path}>
                  <Link href={links.category(child.path)} aria-current={child.path === here ? 'page' : undefined}>
                    {child.name}<span class={styles.count}>{child.count}<span class="visually-hidden"> products</span></span>
                  </Link>
                </li>
              ))}
            </ul>
          )}
        </li>
      ))}
    </ul>
  );
}

export function Header() {
  const [path] = useLocation();
  const [menu, setMenu] = useState(false);
  const small = useMedia(phone);
  const here = categoryOf(path);
  const back = path.startsWith('/office') || path === '/system';
  const open = { 'aria-haspopup': 'dialog', 'aria-expanded': menu, onClick: () => setMenu(true) } as const;
  return (
    <>
      <header class={styles.header}>
        <div class={styles.sticky}>
          <div class={styles.bar}>
            <IconButton label="Menu" class={cx(styles.menu, back && styles.always)} {...open}><Menu size={22} aria-hidden="true" /></IconButton>
            <Link href={links.home} class={styles.logo} aria-label="Souk, home">
              <Mark /><span class={styles.word} aria-hidden="true">Souk</span>
            </Link>
            {!small && <div class={styles.search}><SearchBox /></div>}
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
        </div>
        {small && <div class={styles.searchRow}><SearchBox /></div>}
        <div class={cx(styles.lanes, back && styles.gone)}>
          <nav class={styles.categories} aria-label="Categories">
            <button type="button" class={styles.all} {...open}><Menu size={18} aria-hidden="true" />All</button>
            <CategoryRow here={here?.split('/')[0]} />
          </nav>
        </div>
      </header>
      <Drawer side="left" open={menu} onClose={() => setMenu(false)} title="Souk">
        <nav aria-label="Menu" class={styles.drawer}>
          <h3>The market</h3>
          <ul class={styles.list}><li><Link href="/search" aria-current={path === '/search' ? 'page' : undefined}>Everything</Link></li></ul>
          <CategoryMenu here={here} />
          <h3>Yours</h3>
          <ul class={styles.list}><li><Link href={links.orders} aria-current={path.startsWith('/orders') ? 'page' : undefined}>Orders</Link></li></ul>
          <h3>Behind the counter</h3>
          <ul class={styles.list}>
            <li><Link href={links.office()}>Back office</Link></li>
            <li><Link href={links.system}>The system</Link></li>
            <li><a href={links.docs}>API documentation</a></li>
          </ul>
          <div class={styles.theme}><ThemeToggle withText /></div>
        </nav>
      </Drawer>
    </>
  );
}
