import type { ComponentChildren } from 'preact';

export const VisuallyHidden = ({ children }: { children: ComponentChildren }) => <span class="visually-hidden">{children}</span>;
