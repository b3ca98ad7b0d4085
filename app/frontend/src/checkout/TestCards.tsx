import { useState } from 'preact/hooks';
import { cx } from '../ui/cx';
import { Info } from '../ui/icons';
import { digitsOf, testCards, type TestCard } from './card';
import styles from './TestCards.module.css';

// A demonstration has cards that anybody may use; each makes the bank behave in its own way.
export function TestCards({ number, onChoose }: { number: string; onChoose: (card: TestCard) => void }) {
  const [said, setSaid] = useState('');
  return (
    <div class={styles.panel} role="group" aria-labelledby="test-cards">
      <p id="test-cards" class={styles.title}><Info size={16} aria-hidden="true" />Test cards, filled in by one click</p>
      <p class={styles.text}>This store is a demonstration: no real card, no real money. Choose how the bank shall behave.</p>
      <ul class={styles.cards}>
        {testCards.map((card) => {
          const chosen = digitsOf(number) === card.number;
          return (
            <li key={card.number}>
              <button
                type="button" class={cx(styles.card, chosen && styles.chosen)} aria-pressed={chosen}
                onClick={() => { onChoose(card); setSaid(`Filled in: ${card.title}, card ending in ${card.number.slice(-4)}`); }}
              >
                <span class={styles.name}>{card.title}</span>
                <span class={styles.effect}>{card.effect}</span>
                <span class={styles.digits}><span class="visually-hidden">ending in </span><span aria-hidden="true">··</span>{card.number.slice(-4)}</span>
              </button>
            </li>
          );
        })}
      </ul>
      <p class="visually-hidden" role="status">{said}</p>
    </div>
  );
}
