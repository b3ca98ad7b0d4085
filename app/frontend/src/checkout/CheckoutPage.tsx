import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Link } from 'wouter-preact';
import { navigate } from 'wouter-preact/use-browser-location';
import { knownUserId } from '../api/session';
import type { Cart } from '../api/types';
import { cart as liveCart, cartBusy, cartSettled, openCart, setQuantity, useCart } from '../cart/cart';
import type { JustPlaced } from '../orders/OrderPage';
import { undoneText } from '../orders/words';
import { links } from '../shell/links';
import { useMedia } from '../shell/media';
import { Page } from '../shell/Page';
import { Button, ButtonLink } from '../ui/Button';
import { describe } from '../ui/describe';
import { EmptyState } from '../ui/EmptyState';
import { ErrorState } from '../ui/ErrorState';
import { Select, TextInput } from '../ui/Field';
import { useForm } from '../ui/form';
import { Lock, PackageCheck, ShoppingBasket } from '../ui/icons';
import { money } from '../ui/money';
import { Notice } from '../ui/Notice';
import { Skeleton, SkeletonGroup } from '../ui/Skeleton';
import { toast } from '../ui/toast';
import { addressOf, checkAddress, countries, postalLabel, regionLabel } from './address';
import { busy, continueWith, outcome, phase, placeOrder, resume, unfinished, type Outcome } from './attempt';
import { brandNames, brandOf, checkCard, codeLength, cursorAfter, digitsOf, groupExpiry, groupNumber, type TestCard } from './card';
import { Changes } from './Changes';
import { changesBetween, changesSinceAdding, remedyOf } from './changes';
import { keepDraft, loadDraft, type Draft } from './draft';
import { PayBar } from './PayBar';
import { Progress } from './Progress';
import { Summary } from './Summary';
import { TestCards } from './TestCards';
import styles from './CheckoutPage.module.css';

// The order's answer may come when the shopper has gone elsewhere in the store.
outcome.subscribe((found) => {
  if (found?.kind !== 'placed') return;
  const open = () => {
    const state: JustPlaced = { placed: true };
    navigate(links.order(found.order.id), { replace: location.pathname === links.checkout, state });
  };
  if (location.pathname === links.checkout) open();
  else toast('Your order has been placed.', { tone: 'success', action: { label: 'See it', run: open } });
});

const places = {
  '/name': 'cardName', '/number': 'number', '/exp_month': 'expiry', '/exp_year': 'expiry', '/cvc': 'cvc',
  '/address/name': 'name', '/address/line1': 'line1', '/address/line2': 'line2', '/address/city': 'city',
  '/address/postal_code': 'postal_code', '/address/region': 'region', '/address/country': 'country',
} as const;

// Rewrites what is typed without moving the cursor away from where it is.
function rewritten(event: Event, rewrite: (text: string) => string): string {
  const input = event.currentTarget as HTMLInputElement;
  const before = digitsOf(input.value.slice(0, input.selectionStart ?? input.value.length)).length;
  const atEnd = input.selectionStart === input.value.length;
  const text = rewrite(input.value);
  input.value = text;
  const cursor = atEnd ? text.length : cursorAfter(text, before);
  input.setSelectionRange(cursor, cursor);
  return text;
}

// Gets the focus when it appears: it is why the page has changed.
function Attention({ children }: { children: ComponentChildren }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    place.current?.focus({ preventScroll: true });
    place.current?.scrollIntoView({ block: 'center' });
  }, []);
  return <div ref={place} tabIndex={-1} class={styles.attention}>{children}</div>;
}

// Makes the cart what can be had; the total that comes of it.
async function takeWhatThereIs(cart: Cart): Promise<Cart | undefined> {
  const done = await Promise.all(remedyOf(cart).quantities.map(({ line, quantity }) => setQuantity(line, quantity)));
  await cartSettled();
  return done.every(Boolean) ? liveCart.value : undefined;
}

const isBlocked = (cart: Cart) => remedyOf(cart).quantities.length > 0;

function CartChanged({ found, cart }: { found: Extract<Outcome, { kind: 'changed' }>; cart: Cart }) {
  const [working, setWorking] = useState(false);
  const changes = changesBetween(found.attempt.cart, cart);
  const remedy = remedyOf(cart);
  const blocked = remedy.quantities.length > 0;
  const total = money(remedy.total_minor, cart.currency);
  const goOn = async () => {
    setWorking(true);
    try {
      const next = blocked ? await takeWhatThereIs(cart) : (await cartSettled(), liveCart.value);
      // Whatever changed once more is shown, not bought.
      if (next && next.total_minor === remedy.total_minor && !isBlocked(next)) await continueWith(found.attempt, next);
    } finally {
      setWorking(false);
    }
  };
  return (
    <Attention>
      <Notice
        tone="warning" live title="Your cart has changed"
        actions={
          <>
            {remedy.items > 0 && (
              <Button kind="primary" busy={working} onClick={() => void goOn()}>
                {blocked ? `Take what there is for ${total}` : `Continue for ${total}`}
              </Button>
            )}
            <Button onClick={openCart}>Edit cart</Button>
          </>
        }
      >
        {changes.length > 0
          ? <Changes changes={changes} currency={cart.currency} />
          : <p>It was changed in another window, and is the same again.</p>}
        <p>Nothing has been ordered or charged.{remedy.items > 0 && ' Continuing pays with the card you entered.'}</p>
      </Notice>
    </Attention>
  );
}

function CartProblems({ cart }: { cart: Cart }) {
  const [working, setWorking] = useState(false);
  const changes = changesSinceAdding(cart);
  const remedy = remedyOf(cart);
  const blocked = remedy.quantities.length > 0;
  if (changes.length === 0 && !cart.degraded) return null;
  const put = async () => {
    setWorking(true);
    await takeWhatThereIs(cart).finally(() => setWorking(false));
  };
  return (
    <>
      {changes.length > 0 && (
        <Notice
          tone={blocked ? 'warning' : 'info'} live title={blocked ? 'Not everything can be had' : 'Changed since you put it in the cart'}
          actions={blocked && (
            <>
              <Button size="small" busy={working} onClick={() => void put()}>
                {remedy.items > 0 ? `Take what there is (${money(remedy.total_minor, cart.currency)})` : 'Take it out'}
              </Button>
              <Button size="small" kind="quiet" onClick={openCart}>Edit cart</Button>
            </>
          )}
        >
          <Changes changes={changes} currency={cart.currency} />
        </Notice>
      )}
      {cart.degraded && (
        <Notice tone="info">Some prices and stock cannot be checked at the moment. You may go on: they are checked before anything is charged.</Notice>
      )}
    </>
  );
}

function Undone({ found }: { found: Extract<Outcome, { kind: 'undone' }> }) {
  const { title, text } = undoneText(found.order.reason, found.order.reason_detail);
  return (
    <Attention>
      <Notice tone="danger" live title={title}>
        {text} Everything you typed is still here. <Link href={links.order(found.order.id)}>What happened to this order</Link>
      </Notice>
    </Attention>
  );
}

const whatOf = (found: Outcome | undefined) => (found?.kind === 'undone' ? undoneText(found.order.reason, found.order.reason_detail).remedy : undefined);

// What stands above the form.
function Above({ found, cart }: { found: Outcome | undefined; cart: Cart }) {
  return (
    <>
      {found?.kind === 'changed' && <CartChanged found={found} cart={cart} />}
      {found?.kind === 'undone' && whatOf(found) !== 'card' && <Undone found={found} />}
      {found?.kind === 'session' && (
        <Attention>
          <Notice tone="warning" live title="Your session has expired">
            {found.sent
              ? 'It is not known whether the order was placed before that. Your cart has come along into a new session; enter the card again to order what is in it.'
              : 'Your cart has come along into a new one, and nothing was charged. Please enter the card again and check the cart.'}
          </Notice>
        </Attention>
      )}
      {found?.kind === 'failed' && (
        <Attention><Notice tone="danger" live title={describe(found.error).title}>{describe(found.error).text} Nothing was charged.</Notice></Attention>
      )}
      {found?.kind !== 'changed' && <CartProblems cart={cart} />}
    </>
  );
}

function Form({ cart }: { cart: Cart }) {
  const now = phase.value;
  const found = outcome.value;
  const under_way = now.at !== 'idle';
  const shown = now.at === 'card' ? now.cart : now.at === 'order' ? now.attempt.cart : cart;
  const blocked = isBlocked(cart);
  // Where the summary stands below the form, what pays stays in sight.
  const low = useMedia('(width < 56rem)');

  const form = useForm<Draft>({
    initial: loadDraft(),
    validate: (draft) => ({ ...checkAddress(draft), ...checkCard(draft) }),
    places,
    submit: async (draft) => {
      await cartSettled();
      const wanted = liveCart.value;
      if (!wanted || wanted.lines.length === 0 || isBlocked(wanted) || busy()) return;
      await placeOrder(draft, addressOf(draft), wanted);
      const settled = outcome.value;
      if (settled?.kind === 'failed' && settled.error.fields.length > 0) {
        outcome.value = undefined;
        throw settled.error;
      }
    },
  });
  useEffect(() => keepDraft(form.values), [form.values]);

  const { country, number } = form.values;
  const brand = brandOf(digitsOf(number));
  const choose = (card: TestCard) => {
    form.set('number', groupNumber(card.number));
    form.set('expiry', `12 / ${String((new Date().getFullYear() + 2) % 100).padStart(2, '0')}`);
    form.set('cvc', '123');
    if (!form.values.cardName.trim()) form.set('cardName', form.values.name.trim() || 'Test Shopper');
  };

  const total = money(cart.total_minor, cart.currency);
  const payButton = (
    <Button
      type="submit" kind="primary" size={low ? 'medium' : 'large'} wide={!low} busy={form.busy || cartBusy.value} disabled={blocked}
      aria-describedby={blocked ? 'blocked' : undefined}
    >
      {low ? <>Pay<span class="visually-hidden"> {total}</span></> : `Pay ${total}`}
    </Button>
  );
  const why = blocked && <p id="blocked" class={styles.blocked}>Not everything in the cart can be had. Put that right first, then pay.</p>;

  return (
    <form {...form.attributes} aria-label="Checkout">
      <div class={styles.layout}>
        {under_way && <Progress now={now} />}
        <div class={styles.fields} hidden={under_way}>
          <Above found={found} cart={cart} />
          {form.error !== undefined && (
            <Attention><Notice tone="danger" live title={describe(form.error).title}>{describe(form.error).text} Nothing was charged.</Notice></Attention>
          )}
          <section class={styles.part} aria-labelledby="delivery">
            <h2 id="delivery">Delivery</h2>
            <div class={styles.grid}>
              <TextInput label="Full name" autocomplete="shipping name" class={styles.whole} {...form.field('name')} />
              <Select label="Country" autocomplete="shipping country" class={styles.whole} {...form.field('country')}>
                <option value="">Choose…</option>
                {countries.map(({ code, name }) => <option key={code} value={code}>{name}</option>)}
              </Select>
              <TextInput label="Street and number" autocomplete="shipping address-line1" class={styles.whole} {...form.field('line1')} />
              <TextInput label="Apartment, floor, company" optional autocomplete="shipping address-line2" class={styles.whole} {...form.field('line2')} />
              <TextInput label={postalLabel(country)} autocomplete="shipping postal-code" spellcheck={false} autocapitalize="characters" {...form.field('postal_code')} />
              <TextInput label="City" autocomplete="shipping address-level2" {...form.field('city')} />
              <TextInput label={regionLabel(country)} optional autocomplete="shipping address-level1" class={styles.whole} {...form.field('region')} />
            </div>
          </section>
          <section class={styles.part} aria-labelledby="card">
            <h2 id="card">Card</h2>
            {found?.kind === 'undone' && whatOf(found) === 'card' && <Undone found={found} />}
            <TestCards number={number} onChoose={choose} />
            <div class={styles.grid}>
              <TextInput
                label="Card number" autocomplete="cc-number" inputMode="numeric" spellcheck={false} class={styles.whole}
                placeholder="1234 1234 1234 1234"
                after={brand !== 'other' && <span class={styles.brand}>{brandNames[brand]}</span>}
                {...form.field('number')} onInput={(event: Event) => form.set('number', rewritten(event, groupNumber))}
              />
              <TextInput
                label="Valid until" autocomplete="cc-exp" inputMode="numeric" placeholder="MM / YY"
                {...form.field('expiry')} onInput={(event: Event) => form.set('expiry', rewritten(event, groupExpiry))}
              />
              <TextInput
                label="Security code" autocomplete="cc-csc" inputMode="numeric" placeholder={codeLength(brand) === 4 ? '4 digits' : '3 digits'}
                {...form.field('cvc')} onInput={(event: Event) => form.set('cvc', rewritten(event, (text) => digitsOf(text).slice(0, 4)))}
              />
              <TextInput label="Name on the card" autocomplete="cc-name" class={styles.whole} {...form.field('cardName')} />
            </div>
            <p class={styles.safe}><Lock size={16} aria-hidden="true" />The card goes to the payment service alone, for a token that pays once. It is stored nowhere.</p>
          </section>
        </div>
        <div class={styles.side}>
          <Summary cart={shown} editable={!under_way}>
            {!under_way && !low && <>{payButton}{why}</>}
          </Summary>
        </div>
      </div>
      {!under_way && low && <PayBar cart={cart}>{why}{payButton}</PayBar>}
    </form>
  );
}

const skeleton = (
  <SkeletonGroup label="Loading the checkout">
    <div class={styles.layout}>
      <div class={styles.fields}><Skeleton shape="block" height="24rem" /><Skeleton shape="block" height="20rem" /></div>
      <Skeleton shape="block" height="18rem" />
    </div>
  </SkeletonGroup>
);

function Content() {
  const query = useCart();
  const present = liveCart.value;
  const now = phase.value;
  const found = outcome.value;
  const cart = now.at === 'card' ? now.cart : now.at === 'order' ? now.attempt.cart : present;

  if (found?.kind === 'placed') return skeleton;
  if (found?.kind === 'already') {
    return (
      <EmptyState
        title="This cart has been ordered already" icon={<PackageCheck size={28} />}
        actions={<><ButtonLink href={links.order(found.orderId)} kind="primary">Go to that order</ButtonLink><ButtonLink href={links.home}>To the market</ButtonLink></>}
      >
        <p>Perhaps in another window. There is one order and one payment; this time nothing was ordered or charged.</p>
      </EmptyState>
    );
  }
  if (now.at === 'idle' && (present ? present.lines.length === 0 : knownUserId() === undefined)) {
    return (
      <EmptyState
        title="Nothing to pay for yet" icon={<ShoppingBasket size={28} />}
        actions={<><ButtonLink href={links.home} kind="primary">To the market</ButtonLink><ButtonLink href={links.orders}>Your orders</ButtonLink></>}
      >
        <p>Your cart is empty. If you have just ordered, perhaps in another window, the order stands among yours.</p>
      </EmptyState>
    );
  }
  if (cart) return <Form cart={cart} />;
  if (query.error != null) return <ErrorState error={query.error} what="Your cart" onRetry={() => void query.refetch()} busy={query.isFetching} />;
  return skeleton;
}

export function CheckoutPage() {
  // Before the first drawing, so that a reload shows the order under way and not the form.
  useState(() => {
    if (unfinished()) resume();
    else if (outcome.value?.kind === 'placed' || outcome.value?.kind === 'already') outcome.value = undefined;
  });
  return <Page title="Checkout" heading="Checkout"><Content /></Page>;
}
