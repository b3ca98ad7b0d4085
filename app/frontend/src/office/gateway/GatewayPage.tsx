import { useQuery } from '@tanstack/preact-query';
import { useEffect, useId, useState } from 'preact/hooks';
import { ApiError } from '../../api/error';
import { queryClient } from '../../api/query';
import type { GatewayBehaviour } from '../../api/types';
import { Page } from '../../shell/Page';
import { Badge } from '../../ui/Badge';
import { Button } from '../../ui/Button';
import { Card } from '../../ui/Card';
import { cx } from '../../ui/cx';
import { FieldError } from '../../ui/Field';
import { keep, kept } from '../../ui/kept';
import { Loaded } from '../../ui/Loaded';
import { Skeleton, SkeletonGroup } from '../../ui/Skeleton';
import { toast } from '../../ui/toast';
import { admin } from '../admin';
import { Refused, useAction } from '../common/parts';
import { calm, knobs, presetOf, presets, problemOf, same, textOf, valueOf, type Knob } from './behaviour';
import styles from './gateway.module.css';

const queryKey = ['office', 'gateway'];
type Texts = Record<keyof GatewayBehaviour, string>;

const textsOf = (behaviour: GatewayBehaviour) => Object.fromEntries(knobs.map((k) => [k.name, textOf(k, behaviour)])) as Texts;

function Slider({ knob, text, error, onChange }: { knob: Knob; text: string; error: string | undefined; onChange: (text: string) => void }) {
  const id = useId();
  const number = error ? 0 : Number(text.replace(',', '.'));
  return (
    <div class={styles.knob}>
      <label for={`${id}-number`} class={styles.label}>{knob.label}</label>
      <p id={`${id}-means`} class={styles.means}>{knob.means}</p>
      <div class={styles.controls}>
        <input
          type="range" class={styles.range} min={0} max={knob.end} step={knob.step} value={Math.min(knob.end, number)} aria-label={`${knob.label}, slider`}
          aria-valuetext={`${text} ${knob.unit}`} aria-describedby={`${id}-means`} onInput={(event) => onChange(event.currentTarget.value)}
        />
        <span class={styles.number} data-wrong={error ? '' : undefined}>
          <input
            id={`${id}-number`} type="text" inputMode={knob.unit === '%' ? 'decimal' : 'numeric'} autoComplete="off" value={text}
            aria-invalid={error ? true : undefined} aria-describedby={cx(`${id}-means`, error && `${id}-error`)}
            onInput={(event) => onChange(event.currentTarget.value)}
          />
          <span>{knob.unit}</span>
        </span>
      </div>
      {error && <FieldError id={`${id}-error`}>{error}</FieldError>}
    </div>
  );
}

function Panel({ inForce }: { inForce: GatewayBehaviour }) {
  const [texts, setTexts] = useState(() => ({ ...textsOf(inForce), ...kept<Texts>('gateway') }));
  const [base, setBase] = useState(inForce);
  // What somebody else has set shows, unless something is typed here.
  if (!same(base, inForce)) {
    const untouched = knobs.every((k) => texts[k.name] === textOf(k, base));
    setBase(inForce);
    if (untouched) setTexts(textsOf(inForce));
  }
  const [refused, setRefused] = useState<Partial<Texts>>({});
  const errors = Object.fromEntries(knobs.map((k) => [k.name, problemOf(k, texts[k.name]) ?? refused[k.name]])) as Partial<Texts>;
  const wrong = knobs.some((k) => problemOf(k, texts[k.name]));
  const wanted = Object.fromEntries(knobs.map((k) => [k.name, valueOf(k, texts[k.name])])) as unknown as GatewayBehaviour;
  const changed = wrong || !same(wanted, inForce);
  useEffect(() => keep('gateway', changed ? texts : undefined), [changed, texts]);

  const apply = useAction(async (behaviour: GatewayBehaviour, name?: string) => {
    setRefused({});
    try {
      const now = await admin.put('/payments/gateway', { body: behaviour });
      queryClient.setQueryData(queryKey, now);
      setBase(now);
      setTexts(textsOf(now));
      toast(name ? `The gateway is ${name.toLowerCase()} now` : 'The gateway behaves so from now on', { tone: 'success' });
    } catch (error) {
      if (!(error instanceof ApiError) || error.fields.length === 0) throw error;
      setRefused(Object.fromEntries(knobs.map((k) => [k.name, error.field(`/${k.name}`)])) as Partial<Texts>);
    }
  });
  const now = presetOf(inForce);
  return (
    <div class={styles.panel}>
      <p class={styles.now} role="status">
        In force now: <Badge tone={now === 'Calm' ? 'success' : now === 'Storm' ? 'danger' : 'warning'}>{now ?? 'A mixture of your own'}</Badge>
      </p>
      <ul class={styles.presets}>
        {presets.map((p) => (
          <li key={p.name}>
            <button type="button" class={styles.preset} aria-pressed={p.name === now} disabled={apply.busy} onClick={() => apply.start(p.behaviour, p.name)}>
              <strong>{p.name}</strong><span>{p.text}</span>
            </button>
          </li>
        ))}
      </ul>
      <Card>
        <form
          class={styles.form} noValidate
          onSubmit={(event) => {
            event.preventDefault();
            if (wrong) (event.currentTarget as HTMLFormElement).querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
            else apply.start(wanted);
          }}
        >
          <h2>Set it by hand</h2>
          <div class={styles.knobs}>
            {knobs.map((k) => (
              <Slider
                key={k.name} knob={k} text={texts[k.name]} error={errors[k.name]}
                onChange={(text) => { setTexts({ ...texts, [k.name]: text }); setRefused({ ...refused, [k.name]: undefined }); }}
              />
            ))}
          </div>
          <Refused error={apply.error} />
          <div class={styles.buttons}>
            <Button type="submit" kind="primary" busy={apply.busy}>Apply</Button>
            {changed && <Button kind="quiet" onClick={() => { setTexts(textsOf(inForce)); setRefused({}); }}>Back to what is in force</Button>}
            {!changed && !same(inForce, calm) && <Button kind="quiet" onClick={() => apply.start(calm, 'Calm')}>Reset</Button>}
            <span class={styles.state}>{changed ? 'Not applied yet' : ''}</span>
          </div>
        </form>
      </Card>
    </div>
  );
}

export function GatewayPage() {
  const query = useQuery({ queryKey, queryFn: ({ signal }) => admin.get('/payments/gateway', { signal }), staleTime: 0 });
  return (
    <Page title="The mock gateway" heading="The mock gateway">
      <p class={styles.lead}>
        The payment company is a program of its own, which can be made as slow and unreliable as a real one. Break it, go shopping, and
        see that no order is lost and no card is charged twice: the audit shows it.
      </p>
      <Loaded query={query} what="The gateway's behaviour" skeleton={<SkeletonGroup><Skeleton shape="block" height="8rem" /><Skeleton shape="block" height="24rem" /></SkeletonGroup>}>
        {(inForce) => <Panel inForce={inForce} />}
      </Loaded>
    </Page>
  );
}
