// What there is and who calls whom: the edges here are all there are.

import { services, type ServiceName } from '../api/types';

export type NodeId = 'shoppers' | 'gateway' | ServiceName | 'mock-gateway' | `${ServiceName | 'mock-gateway'}-store`;

export interface Node {
  id: NodeId;
  kind: 'people' | 'gateway' | 'service' | 'partner' | 'store';
  name: string;
  // What it is for, in a sentence.
  about: string;
}

export type EdgeId = `${NodeId}>${NodeId}`;

export interface Edge {
  id: EdgeId;
  from: NodeId;
  to: NodeId;
  kind: 'public' | 'call' | 'store';
  about: string;
}

const store = (of: ServiceName | 'mock-gateway', engine: string, about: string): Node =>
  ({ id: `${of}-store`, kind: 'store', name: engine, about });

export const nodes: readonly Node[] = [
  { id: 'shoppers', kind: 'people', name: 'Shoppers', about: 'Browsers, scripts and load: whoever comes from outside.' },
  { id: 'gateway', kind: 'gateway', name: 'Gateway', about: 'nginx, the only port. Serves the pages and passes /api on to the services.' },
  { id: 'product', kind: 'service', name: 'Product', about: 'The catalogue: search, facets, prices, import.' },
  { id: 'cart', kind: 'service', name: 'Cart', about: 'Carts and sessions.' },
  { id: 'order', kind: 'service', name: 'Order', about: 'Checkout as a durable state machine, the timeline, the audit.' },
  { id: 'payment', kind: 'service', name: 'Payment', about: 'Card tokens, authorization, capture, refunds.' },
  { id: 'inventory', kind: 'service', name: 'Inventory', about: 'Stock, reservations and the ledger.' },
  { id: 'mock-gateway', kind: 'partner', name: 'Mock gateway', about: 'Stands for the payment company: a program and a database of its own.' },
  store('product', 'PostgreSQL', 'The product service’s own database.'),
  store('cart', 'Redis', 'Carts, written to disk before an answer is given.'),
  store('order', 'PostgreSQL', 'The order service’s own database.'),
  store('payment', 'PostgreSQL', 'The payment service’s own database.'),
  store('inventory', 'PostgreSQL', 'The inventory service’s own database.'),
  store('mock-gateway', 'PostgreSQL', 'The payment company’s own database.'),
];

const edge = (from: NodeId, to: NodeId, kind: Edge['kind'], about: string): Edge => ({ id: `${from}>${to}`, from, to, kind, about });

export const edges: readonly Edge[] = [
  edge('shoppers', 'gateway', 'public', 'Pages, pictures and the API.'),
  ...services.map((to) => edge('gateway', to, 'public', 'What shoppers and administrators ask of the service.')),
  edge('order', 'cart', 'call', 'Reads the cart to be ordered, clears what was bought.'),
  edge('order', 'product', 'call', 'Prices from their owner.'),
  edge('order', 'inventory', 'call', 'Reserves, commits and releases stock.'),
  edge('order', 'payment', 'call', 'Authorizes, captures, voids and refunds.'),
  edge('cart', 'product', 'call', 'Live names and prices.'),
  edge('cart', 'inventory', 'call', 'Live availability.'),
  edge('product', 'inventory', 'call', 'Opening stock, and what lists show as available.'),
  edge('payment', 'mock-gateway', 'call', 'Charges, captures and cancellations.'),
  ...([...services, 'mock-gateway'] as const).map((of) =>
    edge(of, `${of}-store`, 'store', of === 'cart' ? 'Scripts and commands.' : 'Statements.')),
];

const byId = new Map(nodes.map((n) => [n.id, n]));
export const nodeOf = (id: NodeId) => byId.get(id)!;
export const isService = (id: string): id is ServiceName => (services as readonly string[]).includes(id);

// "Order", "Order’s PostgreSQL"
export function nameOf(id: NodeId): string {
  const owner = id.endsWith('-store') ? nodeOf(id.slice(0, -'-store'.length) as NodeId) : undefined;
  return owner ? `${owner.name}’s ${nodeOf(id).name}` : nodeOf(id).name;
}
export const edgeName = (e: Edge) => `${nameOf(e.from)} to ${nameOf(e.to)}`;
