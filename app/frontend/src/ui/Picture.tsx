import { useState } from 'preact/hooks';
import { ImageOff } from './icons';
import { cx } from './cx';
import styles from './Picture.module.css';

interface Props {
  src: string | undefined;
  // Empty where the name stands beside it.
  alt?: string;
  // The first pictures of a page are wanted at once.
  eager?: boolean;
  class?: string;
}

// A square whose room is kept free from the start.
export function Picture({ src, alt = '', eager, class: own }: Props) {
  const [failed, setFailed] = useState<string>();
  const shown = src !== undefined && failed !== src;
  return (
    <span class={cx(styles.picture, own)}>
      {shown ? (
        <img
          src={src} alt={alt} width={400} height={400} decoding="async"
          loading={eager ? 'eager' : 'lazy'} fetchpriority={eager ? 'high' : undefined}
          onError={() => setFailed(src)}
        />
      ) : (
        <span class={styles.none} role={alt ? 'img' : undefined} aria-label={alt || undefined}>
          <ImageOff size={28} aria-hidden="true" />
        </span>
      )}
    </span>
  );
}
