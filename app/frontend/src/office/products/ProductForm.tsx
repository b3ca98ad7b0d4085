import { useQuery } from '@tanstack/preact-query';
import type { ComponentChildren } from 'preact';
import { categoriesQuery } from '../../api/queries';
import type { Category } from '../../api/types';
import { Button, IconButton } from '../../ui/Button';
import { Card } from '../../ui/Card';
import { FieldError, TextArea, TextInput } from '../../ui/Field';
import type { useForm } from '../../ui/form';
import { Plus, X } from '../../ui/icons';
import { exponentOf } from '../../ui/money';
import { Picture } from '../../ui/Picture';
import { attributeProblem, categoryProblem, type Values } from './content';
import styles from './products.module.css';

type Form = ReturnType<typeof useForm<Values>>;

interface Props {
  form: Form;
  isNew?: boolean;
  currencyKnown: boolean;
  // A variant has its parent's categories and brand.
  isVariant: boolean;
  // Beside the fields, below the picture.
  aside?: ComponentChildren;
}

const paths = (categories: Category[]): string[] => categories.flatMap((c) => [c.path, ...paths(c.children)]);

function Categories({ form }: { form: Form }) {
  const { data } = useQuery(categoriesQuery);
  const { error } = form.field('categories');
  const rows = form.values.categories;
  const set = (at: number, to: string) => form.set('categories', rows.map((row, i) => (i === at ? to : row)));
  return (
    <fieldset>
      <legend class={styles.legend}>Categories</legend>
      <p class={styles.hint}>Paths with a slash between the levels: Kitchen/Pots.</p>
      <datalist id="known-categories">{paths(data?.items ?? []).map((path) => <option key={path} value={path} />)}</datalist>
      <div class={styles.rows}>
        {rows.map((path, at) => (
          <div key={at} class={styles.row}>
            <TextInput
              label={`Category ${at + 1}`} hideLabel value={path} list="known-categories" autoComplete="off" maxLength={250}
              onInput={(event) => set(at, event.currentTarget.value)} onBlur={form.field('categories').onBlur}
              error={error && (categoryProblem(path) ?? (at === 0 && !rows.some((row) => categoryProblem(row)) ? error : undefined))}
            />
            <IconButton label={`Remove category ${at + 1}`} onClick={() => form.set('categories', rows.filter((_, i) => i !== at))}>
              <X size={18} aria-hidden="true" />
            </IconButton>
          </div>
        ))}
        {error && rows.length === 0 && <FieldError>{error}</FieldError>}
        <div><Button size="small" onClick={() => form.set('categories', [...rows, ''])}><Plus size={16} aria-hidden="true" />Add a category</Button></div>
      </div>
    </fieldset>
  );
}

function Attributes({ form }: { form: Form }) {
  const { error, onBlur } = form.field('attributes');
  const rows = form.values.attributes;
  const set = (at: number, to: Partial<Values['attributes'][number]>) =>
    form.set('attributes', rows.map((row, i) => (i === at ? { ...row, ...to } : row)));
  const wrongHere = rows.some((row) => attributeProblem(row, rows));
  return (
    <fieldset>
      <legend class={styles.legend}>Attributes</legend>
      <p class={styles.hint}>Shoppers filter by them. One value a line.</p>
      <div class={styles.rows}>
        {rows.map((row, at) => {
          const wrong = error && (attributeProblem(row, rows) ?? (at === 0 && !wrongHere ? error : undefined));
          return (
            <div key={at} class={styles.attribute}>
              <div class={styles.row}>
                <div class={styles.pair}>
                  <TextInput
                    label={`Attribute ${at + 1}, name`} hideLabel placeholder="color" value={row.name} autoComplete="off"
                    aria-invalid={wrong ? true : undefined} onBlur={onBlur} error={wrong}
                    onInput={(event) => set(at, { name: event.currentTarget.value })}
                  />
                  <TextArea
                    label={`Attribute ${at + 1}, values`} hideLabel placeholder="Brass" value={row.values} onBlur={onBlur}
                    rows={Math.min(6, Math.max(1, row.values.split('\n').length))}
                    onInput={(event) => set(at, { values: event.currentTarget.value })}
                  />
                </div>
                <IconButton label={`Remove attribute ${at + 1}`} onClick={() => form.set('attributes', rows.filter((_, i) => i !== at))}>
                  <X size={18} aria-hidden="true" />
                </IconButton>
              </div>
            </div>
          );
        })}
        {error && rows.length === 0 && <FieldError>{error}</FieldError>}
        <div>
          <Button size="small" onClick={() => form.set('attributes', [...rows, { name: '', values: '' }])}><Plus size={16} aria-hidden="true" />Add an attribute</Button>
        </div>
      </div>
    </fieldset>
  );
}

// The fields of a product, made or changed.
export function ProductFields({ form, isNew, currencyKnown, isVariant, aside }: Props) {
  const { values } = form;
  const image = values.image.trim();
  return (
    <div class={styles.columns}>
      <div class={styles.side}>
        <Card class={styles.group}>
          <h2>What it is</h2>
          <TextInput label="Name" {...form.field('name')} />
          <div class={styles.two}>
            <TextInput label="SKU" {...form.field('sku')} autoComplete="off" spellcheck={false} hint="The stock-keeping unit: unique in the store." />
            {!isVariant && <TextInput label="Brand" optional {...form.field('brand')} hint="Shoppers filter by it." />}
          </div>
          <TextArea label="Description" optional rows={5} {...form.field('description')} />
        </Card>
        <Card class={styles.group}>
          <h2>Where it is found</h2>
          {isVariant ? <p class={styles.hint}>A variant is found in its parent's categories, and has its parent's brand.</p> : <Categories form={form} />}
          <Attributes form={form} />
        </Card>
      </div>
      <div class={styles.side}>
        <Card class={styles.group}>
          <h2>Price{isNew ? ' and stock' : ''}</h2>
          <TextInput
            label="Price" {...form.field('price')} inputMode="decimal" autoComplete="off" after={currencyKnown ? values.currency : undefined}
            hint={exponentOf(/^[A-Z]{3}$/.test(values.currency) ? values.currency : 'USD') === 0 ? 'In whole units.' : 'In major units, like 12.50.'}
          />
          {!currencyKnown && (
            <TextInput label="Currency" {...form.field('currency')} maxLength={3} hint="The store's own: it has one for everything." autoCapitalize="characters" />
          )}
          {isNew && (
            <TextInput label="Opening quantity" {...form.field('quantity')} inputMode="numeric" autoComplete="off" hint="What is on hand from the start. Later changes are made under Stock." />
          )}
          <TextInput
            label="Variant of" optional {...form.field('variant_of')} autoComplete="off" spellcheck={false}
            hint="SKU or id of the parent, if this is one size or colour of another product."
          />
        </Card>
        <Card class={styles.group}>
          <h2>Picture</h2>
          <TextInput label="Picture's address" optional {...form.field('image')} autoComplete="off" spellcheck={false} hint="A path like /images/lamp.svg." />
          {image && <Picture src={image} class={styles.preview} />}
        </Card>
        {aside}
      </div>
    </div>
  );
}
