// Class names that apply, as one.
export const cx = (...names: (string | false | null | undefined)[]) => names.filter(Boolean).join(' ');
