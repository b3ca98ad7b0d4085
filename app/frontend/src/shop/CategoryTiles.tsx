import { Link } from 'wouter-preact';
import type { Category, Product } from '../api/types';
import { links } from '../shell/links';
import { Picture } from '../ui/Picture';
import { Skeleton, SkeletonGroup } from '../ui/Skeleton';
import styles from './CategoryTiles.module.css';

// The picture of a category is that of a product in it, each product's once.
function picturesOf(categories: readonly Category[], products: readonly Product[]): Map<string, string> {
  const found = new Map<string, string>();
  const used = new Set<string>();
  // Where a product is at home comes first, where it is shown too comes last.
  for (const rank of [0, 1, 2]) {
    for (const category of categories) {
      if (found.has(category.path)) continue;
      const product = products.find((p) => p.image && !used.has(p.image) && p.available !== 0 && p.categories[rank]?.split('/')[0] === category.path);
      if (!product) continue;
      used.add(product.image!);
      found.set(category.path, product.image!);
    }
  }
  return found;
}

export function CategoryTiles({ categories, products }: { categories: readonly Category[] | undefined; products: readonly Product[] | undefined }) {
  if (categories?.length === 0) return null;
  const pictures = picturesOf(categories ?? [], products ?? []);
  return (
    <section aria-labelledby="lanes" class={styles.section}>
      <h2 id="lanes">Walk the lanes</h2>
      {categories ? (
        <ul class={styles.tiles}>
          {categories.map((category) => (
            <li key={category.path} class={styles.tile}>
              <span class={styles.door}><span class={styles.arch}>
                {products ? <Picture src={pictures.get(category.path)} name={category.name} /> : <Skeleton shape="square" />}
              </span></span>
              <Link href={links.category(category.path)} class={styles.name}>{category.name}</Link>
              <span class={styles.count}>{category.count}<span class="visually-hidden"> products</span></span>
            </li>
          ))}
        </ul>
      ) : (
        <SkeletonGroup label="Loading categories">
          <div class={styles.tiles}>
            {Array.from({ length: 15 }, (_, index) => (
              <div key={index} class={styles.tile}><span class={styles.door}><span class={styles.arch}><Skeleton shape="square" /></span></span><Skeleton width="70%" /><Skeleton width="1.5rem" /></div>
            ))}
          </div>
        </SkeletonGroup>
      )}
    </section>
  );
}
