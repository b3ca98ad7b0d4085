import { Link } from 'wouter-preact';
import { Mark } from '../ui/Logo';
import { links } from './links';
import styles from './Footer.module.css';

export function Footer() {
  return (
    <footer class={styles.footer}>
      <div class={styles.inner}>
        <div class={styles.about}>
          <Mark size={32} />
          <p>A market that keeps its word: no oversold item, no lost order, no double charge, whatever crashes.</p>
        </div>
        <nav aria-label="Footer" class={styles.nav}>
          <ul class={styles.list}>
            <li><Link href={links.orders}>Your orders</Link></li>
            <li><Link href={links.office()}>Back office</Link></li>
          </ul>
          <ul class={styles.list}>
            <li><Link href={links.system}>The system at work</Link></li>
            <li><a href={links.docs}>API documentation</a></li>
          </ul>
        </nav>
        <p class={styles.small}>
          A demonstration: nothing is sold, cards are test cards. Pictures are drawn from Microsoft's Fluent Emoji (MIT licence),
          icons are Lucide's (ISC), headings are set in Bricolage Grotesque (OFL). Souk is open source under the Apache licence.
        </p>
      </div>
    </footer>
  );
}
