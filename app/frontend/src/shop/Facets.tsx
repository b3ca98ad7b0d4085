import type { ComponentChildren } from 'preact';
import { useEffect, useId, useState } from 'preact/hooks';
import { Link } from 'wouter-preact';
import type { Category, Facets as FacetSet } from '../api/types';
import { Button } from '../ui/Button';
import { ChevronDown } from '../ui/icons';
import { decimalOf, money, parseMoney, wholeMoney } from '../ui/money';
import { addressOf, inOrder, labelOf, type Listing, withAttribute, withBrand, withPrice } from './listing';
import styles from './Facets.module.css';

interface Props {
  listing: Listing;
  facets: FacetSet | undefined;
  categories: readonly Category[] | undefined;
  currency: string;
  onChange: (listing: Listing) => void;
}

const shownAtFirst = 6;
const openAtFirst = 3;
const count = new Intl.NumberFormat();

function Group({ title, open: start, children }: { title: string; open: boolean; children: ComponentChildren }) {
  const [open, setOpen] = useState(start);
  return (
    <details class={styles.group} open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary class={styles.summary}>{title}<ChevronDown size={18} aria-hidden="true" /></summary>
      {open && <div class={styles.body}>{children}</div>}
    </details>
  );
}

interface Value {
  value: string;
  count: number | undefined;
}

function Values({ title, values, chosen, onToggle }: { title: string; values: Value[]; chosen: readonly string[]; onToggle: (value: string) => void }) {
  const [all, setAll] = useState(false);
  // What is chosen can be taken back even if nothing is left of it.
  const listed: Value[] = [...values, ...chosen.filter((c) => !values.some((v) => v.value === c)).map((value) => ({ value, count: 0 }))];
  const shown = all || listed.length <= shownAtFirst + 1 ? listed : listed.filter((v, at) => at < shownAtFirst || chosen.includes(v.value));
  return (
    <fieldset>
      <legend class="visually-hidden">{title}</legend>
      {shown.map((v) => (
        <label key={v.value} class={styles.value}>
          <input type="checkbox" checked={chosen.includes(v.value)} onChange={() => onToggle(v.value)} />
          <span class={styles.name}>{v.value}</span>
          {v.count !== undefined && <span class={styles.count}>{count.format(v.count)}<span class="visually-hidden"> products</span></span>}
        </label>
      ))}
      {shown.length < listed.length && (
        <Button kind="quiet" size="small" class={styles.more} onClick={() => setAll(true)}>Show all {listed.length}<span class="visually-hidden"> of {title}</span></Button>
      )}
    </fieldset>
  );
}

function PriceFacet({ listing, facets, currency, onChange }: Props) {
  const [low, setLow] = useState('');
  const [high, setHigh] = useState('');
  const [wrong, setWrong] = useState<string>();
  const id = useId();
  useEffect(() => {
    setLow(listing.min === undefined ? '' : decimalOf(listing.min, currency));
    setHigh(listing.max === undefined ? '' : decimalOf(listing.max, currency));
    setWrong(undefined);
  }, [listing.min, listing.max, currency]);
  const submit = (event: Event) => {
    event.preventDefault();
    const min = low.trim() === '' ? undefined : parseMoney(low, currency);
    const max = high.trim() === '' ? undefined : parseMoney(high, currency);
    if ((low.trim() !== '' && min === undefined) || (high.trim() !== '' && max === undefined)) setWrong('Give amounts such as 12 or 12.50.');
    else if (min !== undefined && max !== undefined && min > max) setWrong('The lowest price is above the highest.');
    else if (Math.max(min ?? 0, max ?? 0) > 1_000_000_000) setWrong('Nothing is that dear.');
    else onChange(withPrice(listing, min, max));
  };
  const field = (label: string, value: string, set: (text: string) => void) => (
    <label class={styles.amount}>
      <span class="visually-hidden">{label}</span>
      <input
        type="text" inputMode="decimal" autoComplete="off" placeholder={label} value={value} maxLength={14}
        aria-invalid={wrong ? true : undefined} aria-describedby={wrong ? id : undefined}
        onInput={(event) => set(event.currentTarget.value)}
      />
    </label>
  );
  return (
    <>
      <ul class={styles.ranges}>
        {(facets?.price ?? []).map((range) => {
          const here = listing.min === range.min_minor && listing.max === range.max_minor;
          return (
            <li key={range.min_minor}>
              <button
                type="button" class={styles.range} aria-pressed={here}
                onClick={() => onChange(here ? withPrice(listing, undefined, undefined) : withPrice(listing, range.min_minor, range.max_minor))}
              >
                <span class={styles.name}>{wholeMoney(range.min_minor, currency)} – {money(range.max_minor, currency)}</span>
                <span class={styles.count}>{count.format(range.count)}<span class="visually-hidden"> products</span></span>
              </button>
            </li>
          );
        })}
      </ul>
      <form class={styles.amounts} onSubmit={submit} noValidate>
        {field('Lowest', low, setLow)}<span aria-hidden="true">–</span>{field('Highest', high, setHigh)}
        <Button type="submit" size="small">Go</Button>
        {wrong && <p id={id} role="alert" class={styles.wrong}>{wrong}</p>}
      </form>
    </>
  );
}

// The way down to where we are, and what lies below it.
function CategoryFacet({ listing, facets, categories }: Props) {
  const here = listing.category;
  const counts = new Map((facets?.category ?? []).map((c) => [c.value, c.count]));
  const narrowed = listing.search !== '' || listing.brands.length > 0 || listing.min !== undefined || listing.max !== undefined
    || Object.keys(listing.attributes).length > 0;
  const to = (category: string | undefined) => addressOf({ ...listing, category, pages: 1 });
  const countOf = (category: Category) => (narrowed ? counts.get(category.path) : (counts.get(category.path) ?? category.count));
  const parts = here?.split('/') ?? [];
  const line: Category[] = [];
  let level = categories ?? [];
  for (let depth = 1; depth <= parts.length; ++depth) {
    const found = level.find((c) => c.path === parts.slice(0, depth).join('/'));
    if (!found) break;
    line.push(found);
    level = found.children;
  }
  const current = line.at(-1);
  // A last branch shows what lies beside it.
  const siblings = current && current.children.length === 0;
  const below = siblings ? (line.at(-2)?.children ?? categories ?? []) : level;
  const above = siblings ? line.slice(0, -1) : line;
  const visible = below.filter((c) => !narrowed || counts.has(c.path) || c.path === here);
  return (
    <ul class={styles.tree}>
      {here && <li><Link href={to(undefined)} class={styles.branch}>All categories</Link></li>}
      {above.map((category, depth) => (
        <li key={category.path} class={styles[`depth${Math.min(depth, 3)}`]}>
          <Link href={to(category.path)} class={styles.branch} aria-current={category.path === here ? 'page' : undefined}>
            <span class={styles.name}>{category.name}</span>
          </Link>
        </li>
      ))}
      {visible.map((category) => {
        const n = countOf(category);
        return (
          <li key={category.path} class={styles[`depth${Math.min(above.length, 3)}`]}>
            <Link href={to(category.path)} class={styles.branch} aria-current={category.path === here ? 'page' : undefined}>
              <span class={styles.name}>{category.name}</span>
              {n !== undefined && <span class={styles.count}>{count.format(n)}<span class="visually-hidden"> products</span></span>}
            </Link>
          </li>
        );
      })}
    </ul>
  );
}

// The attributes that tell most of the products apart come first.
function attributesOf(facets: FacetSet | undefined, listing: Listing) {
  const weight = (name: string) => (facets?.attributes[name] ?? []).reduce((sum, v) => sum + v.count, 0);
  const names = new Set([...Object.keys(facets?.attributes ?? {}), ...Object.keys(listing.attributes)]);
  return [...names]
    .filter((name) => (facets?.attributes[name]?.length ?? 0) > 1 || listing.attributes[name])
    .sort((a, b) => weight(b) - weight(a) || a.localeCompare(b));
}

export function Facets(props: Props) {
  const { listing, facets, onChange } = props;
  const attributes = attributesOf(facets, listing);
  const priced = (facets?.price.length ?? 0) > 1 || listing.min !== undefined || listing.max !== undefined;
  const branded = (facets?.brand.length ?? 0) > 1 || listing.brands.length > 0;
  return (
    <div class={styles.facets}>
      <Group title="Category" open><CategoryFacet {...props} /></Group>
      {priced && <Group title="Price" open><PriceFacet {...props} /></Group>}
      {branded && (
        <Group title="Maker" open>
          <Values title="Maker" values={facets?.brand ?? []} chosen={listing.brands} onToggle={(brand) => onChange(withBrand(listing, brand))} />
        </Group>
      )}
      {attributes.map((name, at) => (
        <Group key={name} title={labelOf(name)} open={at < openAtFirst || listing.attributes[name] !== undefined}>
          <Values
            title={labelOf(name)} values={inOrder(facets?.attributes[name] ?? [], (v) => v.value)}
            chosen={listing.attributes[name] ?? []} onToggle={(value) => onChange(withAttribute(listing, name, value))}
          />
        </Group>
      ))}
    </div>
  );
}

export const priceLabel = (currency: string) => (min?: number, max?: number) =>
  min === undefined ? `up to ${money(max ?? 0, currency)}` : max === undefined ? `from ${money(min, currency)}` : `${money(min, currency)} – ${money(max, currency)}`;
