import { ApiError } from '../api/error';
import { signIn } from '../office/session';
import { Button } from '../ui/Button';
import { describe } from '../ui/describe';
import { Dialog } from '../ui/Dialog';
import { TextInput } from '../ui/Field';
import { useForm } from '../ui/form';
import { Notice } from '../ui/Notice';
import styles from './SystemPage.module.css';

// The administrator's sign-in without leaving the map.
export function SignIn({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog open={open} onClose={onClose} title="Sign in to see the figures">
      <SignInForm onDone={onClose} />
    </Dialog>
  );
}

function SignInForm({ onDone }: { onDone: () => void }) {
  const form = useForm({
    initial: { username: 'admin', password: '' },
    validate: ({ username, password }) => ({
      username: username.trim() ? undefined : 'Enter the user name.',
      password: password ? undefined : 'Enter the password.',
    }),
    submit: async ({ username, password }) => {
      try {
        await signIn(username.trim(), password);
      } catch (error) {
        if (!(error instanceof ApiError) || error.type !== 'wrong-password') throw error;
        throw new ApiError({
          kind: 'invalid', type: error.type, title: error.title,
          fields: [{ pointer: '/password', detail: 'User name or password is wrong.' }],
        });
      }
      onDone();
    },
  });
  return (
    <form {...form.attributes} class={styles.form}>
      <p class={styles.soft}>Requests, errors and durations are open to the administrator. The password is printed by <code>./souk up</code>.</p>
      <TextInput label="Username" {...form.field('username')} autoComplete="username" autoCapitalize="none" spellcheck={false} />
      <TextInput label="Password" {...form.field('password')} type="password" autoComplete="current-password" />
      {form.error != null && <Notice tone="danger" live title={describe(form.error).title}>{describe(form.error).text}</Notice>}
      <Button type="submit" kind="primary" wide busy={form.busy}>Sign in</Button>
    </form>
  );
}
