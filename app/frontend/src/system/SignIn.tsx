import { SignInForm } from '../office/SignInForm';
import { Dialog } from '../ui/Dialog';
import styles from './SystemPage.module.css';

// The administrator's sign-in without leaving the map.
export function SignIn({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog open={open} onClose={onClose} title="Sign in to see the figures">
      <p class={styles.ask}>Requests, errors and durations are open to the administrator. The password is printed by <code>./souk up</code>.</p>
      <SignInForm onDone={onClose} />
    </Dialog>
  );
}
