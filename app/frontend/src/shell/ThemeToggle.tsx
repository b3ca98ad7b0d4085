import { Button, IconButton } from '../ui/Button';
import { Moon, Sun, SunMoon } from '../ui/icons';
import { setTheme, theme, type Theme } from './theme';

const next: Record<Theme, Theme> = { system: 'light', light: 'dark', dark: 'system' };
const icons = { system: SunMoon, light: Sun, dark: Moon };
const names: Record<Theme, string> = { system: 'as your device', light: 'light', dark: 'dark' };

export function ThemeToggle({ withText, class: own }: { withText?: boolean; class?: string | undefined }) {
  const now = theme.value;
  const Icon = icons[now];
  const label = `Colours: ${names[now]}`;
  const turn = () => setTheme(next[now]);
  return withText
    ? <Button kind="quiet" onClick={turn}><Icon size={20} aria-hidden="true" />{label}</Button>
    : <IconButton label={label} class={own} onClick={turn}><Icon size={20} aria-hidden="true" /></IconButton>;
}
