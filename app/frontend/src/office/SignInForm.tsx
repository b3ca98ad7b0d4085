import { ApiError } from '../api/error';
import { Button } from '../ui/Button';
import { describe } from '../ui/describe';
import { TextInput } from '../ui/Field';
import { useForm } from '../ui/form';
import { Notice } from '../ui/Notice';
import { signIn } from './session';
import styles from './SignInForm.module.css';

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });

// "2 minutes", and when that is over.
function waitText(seconds: number, now = Date.now()): string {
  const minutes = Math.ceil(seconds / 60);
  const long = seconds < 60 ? `${seconds} second${seconds === 1 ? '' : 's'}` : `${minutes} minute${minutes === 1 ? '' : 's'}`;
  return seconds < 60 ? long : `${long} (until ${clock.format(now + seconds * 1000)})`;
}

function Refusal({ error }: { error: unknown }) {
  if (error instanceof ApiError && error.kind === 'limited') {
    return (
      <Notice tone="warning" live title="Too many attempts">
        {error.retryAfter ? `Wait ${waitText(error.retryAfter)} before the next one.` : 'Wait a little before the next one.'}
      </Notice>
    );
  }
  const { title, text } = describe(error);
  return <Notice tone="danger" live title={title}>{text}</Notice>;
}

// The administrator's sign-in, for every place that asks for it.
export function SignInForm({ onDone }: { onDone?: () => void }) {
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
      onDone?.();
    },
  });
  return (
    <form {...form.attributes} class={styles.form}>
      <TextInput label="Username" {...form.field('username')} autoComplete="username" autoCapitalize="none" spellcheck={false} />
      <TextInput label="Password" {...form.field('password')} type="password" autoComplete="current-password" />
      {form.error != null && <Refusal error={form.error} />}
      <Button type="submit" kind="primary" wide busy={form.busy}>Sign in</Button>
    </form>
  );
}
