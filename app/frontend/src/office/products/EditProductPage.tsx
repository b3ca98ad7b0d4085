import { useQuery } from '@tanstack/preact-query';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Link, useLocation } from 'wouter-preact';
import { call } from '../../api/client';
import { ApiError } from '../../api/error';
import { queryClient } from '../../api/query';
import type { ProductDetail, Variant } from '../../api/types';
import { links } from '../../shell/links';
import { Page } from '../../shell/Page';
import { Badge } from '../../ui/Badge';
import { Button, ButtonLink } from '../../ui/Button';
import { Card } from '../../ui/Card';
import { Time } from '../../ui/Dates';
import { useForm } from '../../ui/form';
import { keep, kept } from '../../ui/kept';
import { Boxes, Trash2 } from '../../ui/icons';
import { Loaded } from '../../ui/Loaded';
import { money } from '../../ui/money';
import { Notice } from '../../ui/Notice';
import { Skeleton, SkeletonGroup } from '../../ui/Skeleton';
import { Table } from '../../ui/Table';
import { toast } from '../../ui/toast';
import { admin } from '../admin';
import { BackLink, ConfirmDialog, count, plural, Refused, Section, useAction } from '../common/parts';
import { copyField, fieldLabels, fieldNames, isSame, merge, newProduct, patchOf, shown, validate, valuesOf, type FieldName, type Values } from './content';
import { ProductFields } from './ProductForm';
import { ProductName } from './ProductsPage';
import { catalogueChanged, productQuery } from './queries';
import styles from './products.module.css';

interface Loading {
  product: ProductDetail;
  etag: string;
}

async function fetchNow(id: string): Promise<Loading> {
  const { data, etag } = await call('get', '/products/{id}', { path: { id } });
  return { product: data, etag: etag ?? `"${data.version}"` };
}

// What was typed, and what it is a change of: somebody else may save meanwhile.
interface Draft {
  base: { values: Values; etag: string };
  values: Values;
}
const draftOf = (id: string) => `product.${id}`;

interface Conflict {
  mine: Values;
  theirs: Values;
  at: string;
  fields: FieldName[];
}

function Side({ label, value, checked, name, onChoose }: { label: string; value: string; checked: boolean; name: string; onChoose: () => void }) {
  return (
    <label class={styles.option}>
      <input type="radio" name={name} checked={checked} onChange={onChoose} />
      <span>
        <strong>{label}</strong>
        {value ? <span class={styles.value}>{value}</span> : <span class={styles.none}>empty</span>}
      </span>
    </label>
  );
}

// What somebody else has saved, beside what stands in the form.
function ConflictPanel({ conflict, values, onChoose }: { conflict: Conflict; values: Values; onChoose: (field: FieldName, theirs: boolean) => void }) {
  const panel = useRef<HTMLDivElement>(null);
  useEffect(() => {
    panel.current?.focus({ preventScroll: true });
    panel.current?.scrollIntoView({ block: 'start' });
  }, [conflict.at]);
  return (
    <div ref={panel} tabIndex={-1} class={styles.conflict} aria-label="Somebody else was faster" role="group">
      <Notice tone="warning" live title="Somebody else saved this product while you were editing">
        {conflict.fields.length === 0
          ? <>They changed nothing that you see differently (<Time at={conflict.at} show="time" />). Save again to store your changes on top of theirs.</>
          : <>Saved at <Time at={conflict.at} show="time" />. Nothing you typed is lost: choose what holds for each difference, then save again.</>}
      </Notice>
      {conflict.fields.map((field) => {
        const theirs = isSame(values, conflict.theirs, field);
        return (
          <fieldset key={field} class={styles.choice}>
            <legend>{fieldLabels[field]}</legend>
            <div class={styles.sides}>
              <Side label="Take theirs" name={`choice-${field}`} value={shown(conflict.theirs, field)} checked={theirs} onChoose={() => onChoose(field, true)} />
              <Side
                label="Keep mine" name={`choice-${field}`} checked={!theirs}
                value={shown(theirs ? conflict.mine : values, field)} onChoose={() => onChoose(field, false)}
              />
            </div>
          </fieldset>
        );
      })}
    </div>
  );
}

function Archive({ product, onClose, open }: { product: ProductDetail; open: boolean; onClose: () => void }) {
  const [, navigate] = useLocation();
  // As it was found when the first attempt met a newer version.
  const [newer, setNewer] = useState<Loading>();
  const action = useAction(async () => {
    try {
      const now = newer ?? (await fetchNow(product.id));
      if (!newer && now.product.version !== product.version) {
        setNewer(now);
        return;
      }
      await admin.delete('/products/{id}', { path: { id: product.id }, ifMatch: now.etag });
    } catch (error) {
      if (error instanceof ApiError && error.kind === 'stale') {
        setNewer(await fetchNow(product.id));
        return;
      }
      // Already gone is what was wanted.
      if (!(error instanceof ApiError) || error.kind !== 'missing') throw error;
    }
    toast(`${product.name} is archived`, { tone: 'success' });
    keep(draftOf(product.id), undefined);
    catalogueChanged();
    onClose();
    navigate(links.office('products'));
  });
  return (
    <ConfirmDialog open={open} onClose={onClose} title={`Archive ${product.name}?`} confirm={newer ? 'Archive it all the same' : 'Archive'} busy={action.busy} error={action.error} onConfirm={action.start}>
      <p>It leaves the shop at once{product.variants_count > 0 ? `, together with its ${plural(product.variants_count, 'variant')}` : ''}, and carts show it as no longer sold. Orders that have it go on.</p>
      <p>A new product with the SKU <code>{product.sku}</code> brings it back.</p>
      {newer && (
        <Notice tone="warning" live title="It has been changed since you opened it">
          It is now called {newer.product.name} and costs {money(newer.product.price_minor, newer.product.currency)}.
        </Notice>
      )}
    </ConfirmDialog>
  );
}

function Variants({ product }: { product: ProductDetail }) {
  return (
    <Section title={`Variants (${count(product.variants.length)})`}>
      {product.variants.length > 0 ? (
        <Table<Variant>
          caption="Variants" rows={product.variants} keyOf={(v) => v.id}
          columns={[
            { label: 'Variant', main: true, render: (v) => <ProductName product={v} href={links.office(`products/${v.id}`)} /> },
            { label: 'Attributes', render: (v) => Object.values(v.attributes).flat().join(', ') || '–' },
            { label: 'Price', numeric: true, render: (v) => money(v.price_minor, product.currency) },
            {
              label: 'Available', numeric: true,
              render: (v) => (v.available === undefined ? '–' : v.available === 0 ? <Badge tone="danger">Sold out</Badge> : count(v.available)),
            },
          ]}
        />
      ) : <p class={styles.hint}>None. With variants, shoppers choose one on the product's page.</p>}
      <div><ButtonLink size="small" href={`${links.office('products/new')}?variant_of=${encodeURIComponent(product.sku)}`}>New variant</ButtonLink></div>
    </Section>
  );
}

interface EditProps extends Loading {
  parentSku: string | undefined;
}

function EditForm({ product, etag, parentSku }: EditProps) {
  const [draft] = useState(() => kept<Draft>(draftOf(product.id)));
  const [base, setBase] = useState(draft?.base ?? { values: valuesOf(product, parentSku), etag });
  const [conflict, setConflict] = useState<Conflict>();
  const [gone, setGone] = useState(false);
  const [, navigate] = useLocation();
  const { id } = product;

  const stored = (now: Loading) => {
    const values = valuesOf(now.product, parentSku);
    setBase({ values, etag: now.etag });
    setConflict(undefined);
    queryClient.setQueryData(productQuery(id).queryKey, now);
    catalogueChanged(id);
    return values;
  };

  const form = useForm({
    initial: draft?.values ?? base.values,
    validate: (values) => validate(values, false),
    places: { '/price_minor': 'price' },
    submit: async (values) => {
      const patch = patchOf(base.values, values);
      if (Object.keys(patch).length === 0) {
        setConflict(undefined);
        form.reset(base.values);
        toast('Everything is saved already');
        return;
      }
      try {
        const { data, etag: tag } = await admin.call('patch', '/products/{id}', { path: { id }, ifMatch: base.etag, body: patch });
        form.reset(stored({ product: data, etag: tag ?? `"${data.version}"` }));
        toast('Saved', { tone: 'success' });
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (error.kind === 'stale') {
          const now = await fetchNow(id).catch((found: unknown) => {
            if (found instanceof ApiError && found.kind === 'missing') return undefined;
            throw found;
          });
          if (!now) {
            setGone(true);
            return;
          }
          const theirs = valuesOf(now.product, parentSku);
          const { values: merged, differing } = merge(base.values, values, theirs);
          setConflict({ mine: values, theirs, at: now.product.updated_at, fields: differing });
          setBase({ values: theirs, etag: now.etag });
          for (const field of fieldNames) form.set(field, merged[field]);
          return;
        }
        if (error.kind === 'missing') {
          setGone(true);
          return;
        }
        if (error.type !== 'sku-taken') throw error;
        throw new ApiError({ ...error, title: error.title, kind: 'invalid', fields: [{ pointer: '/sku', detail: 'Another product has this SKU.' }] });
      }
    },
  });

  const dirty = fieldNames.some((field) => !isSame(base.values, form.values, field));
  useEffect(() => keep(draftOf(id), dirty ? { base, values: form.values } satisfies Draft : undefined), [id, dirty, base, form.values]);
  useEffect(() => {
    if (!dirty) return undefined;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  }, [dirty]);

  // Its sku revives an archived product.
  const restore = useAction(async () => {
    const { quantity: _, ...body } = newProduct(form.values);
    const made = await admin.post('/products', { body });
    catalogueChanged(made.id);
    toast(`${made.name} is back`, { tone: 'success' });
    setGone(false);
    if (made.id === id) {
      const now = await fetchNow(id);
      form.reset(stored(now));
    } else {
      navigate(links.office(`products/${made.id}`));
    }
  });

  const choose = (field: FieldName, theirs: boolean) => {
    if (!conflict) return;
    // What is typed after the conflict is mine, too.
    const now = { ...form.values };
    if (theirs) {
      const mine = { ...conflict.mine };
      copyField(mine, form.values, field);
      setConflict({ ...conflict, mine });
    }
    copyField(now, theirs ? conflict.theirs : conflict.mine, field);
    form.set(field, now[field]);
  };

  return (
    <form {...form.attributes} class={styles.form}>
      {conflict && <Card><ConflictPanel conflict={conflict} values={form.values} onChoose={choose} /></Card>}
      {gone && (
        <Notice
          tone="warning" live title="Somebody has archived this product meanwhile"
          actions={<Button size="small" busy={restore.busy} onClick={restore.start}>Bring it back as it stands here</Button>}
        >
          Nothing you typed is lost. It can be brought back with what stands here.
        </Notice>
      )}
      <Refused error={restore.error} />
      {draft && dirty && !conflict && !gone && (
        <Notice tone="info" live title="What you had typed is still here, and not saved yet">
          {draft.base.etag !== etag && base.etag === draft.base.etag
            ? 'Somebody else has saved this product meanwhile. Save, and the differences are shown for you to choose.'
            : 'Save it, or undo the changes.'}
        </Notice>
      )}
      <ProductFields form={form} currencyKnown isVariant={form.values.variant_of.trim() !== ''} />
      {form.error != null && <Refused error={form.error} />}
      <div class={styles.bar}>
        <Button type="submit" kind="primary" busy={form.busy}>{conflict ? 'Save with these choices' : 'Save'}</Button>
        {dirty && !conflict && <Button kind="quiet" onClick={() => form.reset(base.values)}>Undo changes</Button>}
        <span class={styles.state} role="status">{dirty ? 'Not saved yet' : ''}</span>
      </div>
    </form>
  );
}

export function EditProductPage({ id }: { id: string }) {
  const query = useQuery({ ...productQuery(id), refetchOnWindowFocus: false, refetchOnReconnect: false });
  const parentId = query.data?.product.variant_of;
  const parent = useQuery({ ...productQuery(parentId ?? ''), enabled: parentId !== undefined });
  const [archiving, setArchiving] = useState(false);
  const product = query.data?.product;
  return (
    <Page
      title={product?.name} heading={product?.name ?? (query.error ? 'Product' : undefined)}
      above={<BackLink href={links.office('products')}>Products</BackLink>}
      actions={product && (
        <>
          {product.variants_count === 0 && (
            <ButtonLink href={links.office(`stock/${product.id}`)}><Boxes size={18} aria-hidden="true" />Stock</ButtonLink>
          )}
          <Button kind="danger" onClick={() => setArchiving(true)}><Trash2 size={18} aria-hidden="true" />Archive</Button>
        </>
      )}
    >
      <Loaded query={query} what="Product" skeleton={<SkeletonGroup label="Loading the product"><Skeleton shape="title" /><Skeleton shape="block" height="28rem" /></SkeletonGroup>}>
        {(loaded) => (
          <>
            {loaded.product.variant_of && (
              <p class={styles.hint}>
                A variant of <Link href={links.office(`products/${loaded.product.variant_of}`)}>{parent.data?.product.name ?? 'another product'}</Link>.
              </p>
            )}
            {loaded.product.variant_of && parent.isPending
              ? <Skeleton shape="block" height="28rem" />
              : <EditForm {...loaded} parentSku={parent.data?.product.sku} />}
            {!loaded.product.variant_of && <Variants product={loaded.product} />}
            <Archive product={loaded.product} open={archiving} onClose={() => setArchiving(false)} />
          </>
        )}
      </Loaded>
    </Page>
  );
}
