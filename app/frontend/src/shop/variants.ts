// Which variant a shopper means, and what else there is.

import type { Variant } from '../api/types';
import { inOrder, labelOf } from './listing';

export type Selection = Record<string, string>;

// sold-out: every variant with this value, and with what else is chosen, is sold out.
// apart: there is none with this value and what else is chosen.
export type OptionState = 'available' | 'sold-out' | 'apart';

export interface Option {
  value: string;
  state: OptionState;
}

export interface Group {
  name: string;
  label: string;
  options: Option[];
}

interface Choosable {
  variant_attributes?: Record<string, { value: string }[]> | undefined;
  variants_count: number;
}

// The pseudo-attribute of variants that their attributes do not tell apart.
const byName = 'variant';

export class Variants {
  readonly names: string[];
  private readonly values: Map<Variant, Record<string, string[]>>;
  private readonly offered: Record<string, string[]>;

  // `variants` may still be on their way; the attributes are known from a list already.
  constructor(product: Choosable, private readonly variants: readonly Variant[], private readonly stock: (id: string) => number | undefined) {
    const names = Object.keys(product.variant_attributes ?? {});
    this.values = new Map(variants.map((v) => [v, v.attributes]));
    if (variants.length === 0 || this.tellApart(names)) {
      this.names = names;
      this.offered = Object.fromEntries(names.map((name) => [name, product.variant_attributes![name]!.map((v) => v.value)]));
    } else {
      this.names = [byName];
      this.values = new Map(variants.map((v) => [v, { [byName]: [v.name] }]));
      this.offered = { [byName]: variants.map((v) => v.name) };
    }
  }

  private tellApart(names: string[]): boolean {
    if (names.length === 0) return false;
    const seen = new Set<string>();
    for (const v of this.variants) {
      const own = names.map((name) => v.attributes[name] ?? []);
      if (own.some((values) => values.length !== 1)) return false;
      seen.add(JSON.stringify(own));
    }
    return seen.size === this.variants.length;
  }

  private matching(selection: Selection): Variant[] {
    return this.variants.filter((v) =>
      Object.entries(selection).every(([name, value]) => this.values.get(v)?.[name]?.includes(value)));
  }

  // What an address says, without what there isn't; an attribute with one value needs no choice.
  selectionOf(wanted: Selection): Selection {
    let selection: Selection = {};
    for (const name of this.names) {
      const values = this.offered[name]!;
      const value = values.length === 1 ? values[0]! : values.find((v) => v === wanted[name]);
      if (value === undefined) continue;
      const next = { ...selection, [name]: value };
      if (this.variants.length === 0 || this.matching(next).length > 0) selection = next;
    }
    return selection;
  }

  selectionFor(variant: Variant): Selection {
    return Object.fromEntries(this.names.map((name) => [name, this.values.get(variant)?.[name]?.[0] ?? '']));
  }

  // Chosen values that don't go with the new one give way.
  choose(selection: Selection, name: string, value: string): Selection {
    let next: Selection = { [name]: value };
    for (const other of this.names) {
      const chosen = selection[other];
      if (other === name || chosen === undefined) continue;
      const more = { ...next, [other]: chosen };
      if (this.matching(more).length > 0) next = more;
    }
    return this.selectionOf(next);
  }

  variantOf(selection: Selection): Variant | undefined {
    const found = this.missing(selection).length === 0 ? this.matching(selection) : [];
    return found.length === 1 ? found[0] : undefined;
  }

  missing(selection: Selection): string[] {
    return this.names.filter((name) => selection[name] === undefined);
  }

  // All that are still possible.
  candidates(selection: Selection): Variant[] {
    return this.matching(selection);
  }

  groups(selection: Selection): Group[] {
    return this.names.map((name) => ({
      name,
      label: labelOf(name),
      options: inOrder(this.offered[name]!, (v) => v).map((value) => ({ value, state: this.stateOf({ ...selection, [name]: value }) })),
    }));
  }

  private stateOf(selection: Selection): OptionState {
    if (this.variants.length === 0) return 'available';
    const found = this.matching(selection);
    if (found.length === 0) return 'apart';
    return found.every((v) => this.stock(v.id) === 0) ? 'sold-out' : 'available';
  }
}
