// An ogee arch: the gate of the market. The catalogue's pictures stand in the same one.
export const Arch = () => (
  <svg viewBox="0 0 64 68" width="64" height="68" fill="currentColor" aria-hidden="true">
    <path d="M4 68V37C4 20 22 14 32 1c10 13 28 19 28 36v31Z" />
  </svg>
);

export const Mark = ({ size = 36 }: { size?: number }) => (
  <svg viewBox="0 0 40 40" width={size} height={size} aria-hidden="true">
    <rect width="40" height="40" rx="10" fill="#2b2868" />
    <path fill="#f3b23f" d="M9 34V21.5C9 14 16.5 11.5 20 5.5C23.5 11.5 31 14 31 21.5V34H25.5V24C25.5 19.5 22 18.5 20 15.5C18 18.5 14.5 19.5 14.5 24V34Z" />
    <circle cx="20" cy="28.5" r="2.75" fill="#fffaf0" />
  </svg>
);
