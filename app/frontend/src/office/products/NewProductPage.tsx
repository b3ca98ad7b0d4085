import { useEffect } from 'preact/hooks';
import { useLocation, useSearch } from 'wouter-preact';
import { ApiError } from '../../api/error';
import { queryClient } from '../../api/query';
import { links } from '../../shell/links';
import { Page } from '../../shell/Page';
import { Button } from '../../ui/Button';
import { useForm } from '../../ui/form';
import { Skeleton, SkeletonGroup } from '../../ui/Skeleton';
import { toast } from '../../ui/toast';
import { admin } from '../admin';
import { BackLink, Refused } from '../common/parts';
import { emptyValues, newProduct, validate } from './content';
import { ProductFields } from './ProductForm';
import { catalogueChanged, useCurrency } from './queries';
import styles from './products.module.css';

function NewProductForm({ currency, parent }: { currency: string | undefined; parent: string }) {
  const [, navigate] = useLocation();
  const form = useForm({
    initial: { ...emptyValues(currency ?? 'USD'), variant_of: parent },
    keep: `new-product.${parent}`,
    validate: (values) => validate(values, true),
    places: { '/price_minor': 'price' },
    submit: async (values) => {
      try {
        const made = await admin.post('/products', { body: newProduct(values) });
        form.reset();
        toast(`${made.name} is made`, { tone: 'success' });
        catalogueChanged(made.id);
        void queryClient.invalidateQueries({ queryKey: ['office', 'currency'] });
        navigate(links.office(`products/${made.id}`));
      } catch (error) {
        // Said beside the SKU, where it can be put right.
        if (!(error instanceof ApiError) || error.type !== 'sku-taken') throw error;
        throw new ApiError({ ...error, title: error.title, kind: 'invalid', fields: [{ pointer: '/sku', detail: 'Another product has this SKU.' }] });
      }
    },
  });
  useEffect(() => {
    if (!form.changed) return undefined;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  }, [form.changed]);
  const giveUp = () => {
    form.reset();
    navigate(links.office('products'));
  };
  return (
    <form {...form.attributes} class={styles.form}>
      <ProductFields form={form} isNew currencyKnown={currency !== undefined} isVariant={form.values.variant_of.trim() !== ''} />
      {form.error != null && <Refused error={form.error} />}
      <div class={styles.bar}>
        <Button type="submit" kind="primary" busy={form.busy}>Make the product</Button>
        <Button kind="quiet" onClick={giveUp}>{form.changed ? 'Throw it away' : 'Cancel'}</Button>
        <span class={styles.state} role="status">{form.changed ? 'Not saved yet' : ''}</span>
      </div>
    </form>
  );
}

export function NewProductPage() {
  const { currency, known } = useCurrency();
  const parent = new URLSearchParams(useSearch()).get('variant_of') ?? '';
  return (
    <Page
      title={parent ? 'New variant' : 'New product'} heading={parent ? `New variant of ${parent}` : 'New product'}
      above={<BackLink href={links.office('products')}>Products</BackLink>}
    >
      {known
        ? <NewProductForm currency={currency} parent={parent} />
        : <SkeletonGroup label="Loading"><Skeleton shape="block" height="24rem" /></SkeletonGroup>}
    </Page>
  );
}
