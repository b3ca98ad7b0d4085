import { Page } from '../shell/Page';
import { Card } from '../ui/Card';
import { Dialog } from '../ui/Dialog';
import { asking, giveUpAsking } from './session';
import styles from './SignIn.module.css';
import { SignInForm } from './SignInForm';

export function SignInPage() {
  return (
    <Page title="Sign in to the back office" width="narrow">
      <div class={styles.place}>
        <h1>Sign in</h1>
        <p class={styles.lead}>The back office is open to the administrator: products, stock, orders, payments and the books.</p>
        <Card><SignInForm /></Card>
        <p class={styles.hint}>The password is printed by <code>./souk up</code>.</p>
      </div>
    </Page>
  );
}

// Over the page, so that nothing typed there is lost.
export function SignInDialog() {
  return (
    <Dialog open={asking.value} onClose={() => asking.value && giveUpAsking()} title="Sign in again" class={styles.dialog}>
      <p class={styles.again}>Your session has expired. Everything on the page stays as it is, and what you were doing goes on after the sign-in.</p>
      <SignInForm />
    </Dialog>
  );
}
