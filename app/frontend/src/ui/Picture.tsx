import { useState } from 'preact/hooks';
import { Arch } from './Logo';
import { cx } from './cx';
import styles from './Picture.module.css';

interface Props {
  src: string | undefined;
  // Empty where the name stands beside it.
  alt?: string;
  // What is shown; without a picture its initial stands in the arch.
  name?: string | undefined;
  // The first pictures of a page are wanted at once.
  eager?: boolean;
  class?: string | undefined;
}

const grounds = 6;

// The same name has the same ground everywhere.
function groundOf(name: string): number {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + letter.codePointAt(0)!) % 9973;
  return sum % grounds;
}

// A square whose room is kept free from the start.
export function Picture({ src, alt = '', name = alt, eager, class: own }: Props) {
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
        <span class={cx(styles.none, styles[`ground${groundOf(name)}`])} role={alt ? 'img' : undefined} aria-label={alt || undefined}>
          <Arch />
          <span class={styles.initial} aria-hidden="true">{/[\p{L}\p{N}]/u.exec(name)?.[0]?.toUpperCase() ?? ''}</span>
        </span>
      )}
    </span>
  );
}
