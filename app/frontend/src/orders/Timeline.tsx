import { useEffect, useRef, useState } from 'preact/hooks';
import { cx } from '../ui/cx';
import { Time } from '../ui/Dates';
import { Check, Undo2, X } from '../ui/icons';
import type { Step } from './steps';
import styles from './Timeline.module.css';

const marks = { done: Check, bad: X, back: Undo2, now: undefined, next: undefined };
const said = { done: 'done', bad: 'ended', back: 'changed', now: 'under way', next: 'still to come' };

const isToday = (at: string) => new Date(at).toDateString() === new Date().toDateString();

export function Timeline({ steps, label, times }: { steps: Step[]; label: string; times?: boolean }) {
  // The newest thing that happened is said aloud; what was there at first is not.
  const latest = steps.findLast((s) => s.look !== 'next' && s.look !== 'now');
  const first = useRef<string | undefined>(latest?.id);
  const [news, setNews] = useState('');
  useEffect(() => {
    if (latest && latest.id !== first.current) setNews(latest.title);
    first.current = undefined;
  }, [latest?.id]);
  return (
    <>
      <ol class={styles.timeline} aria-label={label}>
        {steps.map((step) => {
          const Icon = marks[step.look];
          return (
            <li key={step.id} class={cx(styles.step, styles[step.look])} aria-current={step.look === 'now' ? 'step' : undefined}>
              <span class={styles.mark} aria-hidden="true">{Icon && <Icon size={14} strokeWidth={3} />}</span>
              <div class={styles.what}>
                <p class={styles.title}>{step.title}<span class="visually-hidden">, {said[step.look]}</span></p>
                {step.text && <p class={styles.text}>{step.text}</p>}
              </div>
              {times && step.at && <span class={styles.at}><Time at={step.at} show={isToday(step.at) ? 'time' : 'date'} /></span>}
            </li>
          );
        })}
      </ol>
      <p class="visually-hidden" role="status">{news}</p>
    </>
  );
}
