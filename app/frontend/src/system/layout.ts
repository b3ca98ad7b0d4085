// Where everything stands, in pixels, for a given width: on a desk the services stand in a row, on a
// phone one below the other. Texts keep their size; it is the distances that give.

import { edges, type Edge, type EdgeId, type NodeId } from './topology';

export interface Box { x: number; y: number; w: number; h: number }
export interface Path {
  d: string;
  // Where its label is centred; without one there is no room, and the figures stand in the table.
  label?: { x: number; y: number };
}
export interface Layout {
  mode: 'wide' | 'tall';
  width: number;
  height: number;
  boxes: Record<NodeId, Box>;
  paths: Record<EdgeId, Path>;
  // The other company's premises.
  partner: Box;
  // Width of a label on a line.
  pill: number;
}

export const wideFrom = 960;
export const labelSize = { w: 54, h: 22 };

type XY = readonly [number, number];

// A line through the corners, which are rounded.
export function rounded(points: readonly XY[], radius = 10): string {
  let d = `M${points[0]![0]} ${points[0]![1]}`;
  for (let i = 1; i < points.length - 1; ++i) {
    const [px, py] = points[i - 1]!, [x, y] = points[i]!, [nx, ny] = points[i + 1]!;
    const before = Math.hypot(x - px, y - py), after = Math.hypot(nx - x, ny - y);
    const r = Math.min(radius, before / 2, after / 2);
    if (r < 0.5) { d += `L${x} ${y}`; continue; }
    d += `L${x + ((px - x) / before) * r} ${y + ((py - y) / before) * r}Q${x} ${y} ${x + ((nx - x) / after) * r} ${y + ((ny - y) / after) * r}`;
  }
  const [x, y] = points[points.length - 1]!;
  return `${d}L${x} ${y}`;
}

const row = ['mock-gateway', 'payment', 'order', 'cart', 'product', 'inventory'] as const;

function wide(width: number, figures: boolean): Layout {
  const w = Math.round(Math.min(158, Math.max(120, width * 0.125)));
  const step = (width - w) / (row.length - 1);
  const gate = { y: 0, h: 74 }, service = { y: 148, h: figures ? 118 : 66 };
  const lanes = service.y + service.h + 36, stores = { y: lanes + 104, h: figures ? 74 : 46 };
  const left = (i: number) => Math.round(i * step);
  const boxes = {
    shoppers: { x: 0, y: gate.y, w, h: gate.h },
    gateway: { x: left(1), y: gate.y, w: left(5) + w - left(1), h: gate.h },
  } as Record<NodeId, Box>;
  row.forEach((id, i) => {
    boxes[id] = { x: left(i), y: service.y, w, h: service.h };
    boxes[`${id}-store`] = { x: left(i), y: stores.y, w, h: stores.h };
  });
  const cx = (id: NodeId) => boxes[id].x + w / 2;
  const bottom = service.y + service.h;
  const paths = {} as Record<EdgeId, Path>;
  const beside = (from: NodeId, to: NodeId) => {
    const right = boxes[to].x > boxes[from].x;
    const y = service.y + 32;
    const x1 = right ? boxes[from].x + w : boxes[from].x, x2 = right ? boxes[to].x : boxes[to].x + w;
    paths[`${from}>${to}`] = { d: `M${x1} ${y}L${x2} ${y}`, label: { x: (x1 + x2) / 2, y } };
  };
  // Below the row, the farther the deeper. What goes deeper begins further left, so that lines of
  // one box don't cross.
  const below = (from: NodeId, to: NodeId, lane: number, out: number, into: number, at: number) => {
    const y = lanes + lane * 32, x1 = cx(from) + out, x2 = cx(to) - into;
    paths[`${from}>${to}`] = {
      d: rounded([[x1, bottom], [x1, y], [x2, y], [x2, bottom]], 14),
      label: { x: Math.round(left(at) + w + (step - w) / 2), y },
    };
  };
  paths['shoppers>gateway'] = { d: `M${w} ${gate.h / 2}L${left(1)} ${gate.h / 2}`, label: { x: (w + left(1)) / 2, y: gate.h / 2 } };
  for (const id of row.slice(1)) {
    paths[`gateway>${id}`] = { d: `M${cx(id)} ${gate.h}L${cx(id)} ${service.y}`, label: { x: cx(id), y: (gate.h + service.y) / 2 - 3 } };
  }
  beside('payment', 'mock-gateway');
  beside('order', 'payment');
  beside('order', 'cart');
  beside('cart', 'product');
  beside('product', 'inventory');
  below('order', 'product', 0, w * 0.36, w * 0.22, 2);
  below('cart', 'inventory', 1, w * 0.22, w * 0.36, 3);
  below('order', 'inventory', 2, w * 0.2, w * 0.18, 4);
  for (const id of row) paths[`${id}>${id}-store`] = { d: `M${cx(id)} ${bottom}L${cx(id)} ${stores.y}` };
  const pad = 12;
  return {
    pill: Math.min(labelSize.w, step - w - 3),
    mode: 'wide', width, height: stores.y + stores.h + pad + 2, boxes, paths,
    partner: { x: -pad, y: service.y - pad - 20, w: w + 2 * pad, h: stores.y + stores.h - service.y + 2 * pad + 20 },
  };
}

const stack = ['order', 'cart', 'product', 'inventory', 'payment', 'mock-gateway'] as const;

// Lanes right of the stack: lines that overlap in height keep apart, the longer the farther out.
export function lanesOf(calls: readonly Edge[]): Map<EdgeId, number> {
  const at = (id: NodeId) => (stack as readonly string[]).indexOf(id);
  const out = new Map<EdgeId, number>();
  const taken: [number, number][][] = [];
  for (const e of [...calls].sort((a, b) => (at(a.to) - at(a.from)) - (at(b.to) - at(b.from)) || at(a.from) - at(b.from))) {
    const span: [number, number] = [at(e.from), at(e.to)];
    let lane = 0;
    while (taken[lane]?.some(([a, b]) => span[0] < b && a < span[1])) ++lane;
    (taken[lane] ??= []).push(span);
    out.set(e.id, lane);
  }
  return out;
}

function tall(available: number, figures: boolean): Layout {
  const width = Math.min(available, 600);
  const calls = edges.filter((e) => e.kind === 'call');
  const lanes = lanesOf(calls);
  const laneStep = 14, first = 18;
  const right = first + Math.max(...lanes.values()) * laneStep + labelSize.w / 2;
  const x = 24, w = width - x - right;
  const people = { x: 0, y: 0, w: width, h: 44 };
  const gate = { x: 0, y: 78, w: width, h: figures ? 106 : 60 };
  const h = figures ? 118 : 68, tie = 12, storeH = 42, gap = 22;
  const boxes = { shoppers: people, gateway: gate } as Record<NodeId, Box>;
  let y = gate.y + gate.h + 26;
  for (const id of stack) {
    if (id === 'mock-gateway') y += 30;
    boxes[id] = { x, y, w, h };
    boxes[`${id}-store`] = { x, y: y + h + tie, w: w - 10, h: storeH };
    y += h + tie + storeH + gap;
  }
  const paths = {} as Record<EdgeId, Path>;
  paths['shoppers>gateway'] = { d: `M${width / 2} ${people.h}L${width / 2} ${gate.y}`, label: { x: width / 2, y: (people.h + gate.y) / 2 } };
  const trunk = 8;
  for (const id of stack.slice(0, -1)) {
    const to = boxes[id].y + 30;
    paths[`gateway>${id}`] = { d: rounded([[trunk, gate.y + gate.h], [trunk, to], [x, to]], 12) };
  }
  // Incoming lines above outgoing ones; of the incoming the nearest lane first, of the outgoing the
  // farthest: so none crosses another beside its box.
  const ends = new Map<string, number>();
  for (const id of stack) {
    const into = calls.filter((e) => e.to === id).sort((a, b) => lanes.get(a.id)! - lanes.get(b.id)!);
    const out = calls.filter((e) => e.from === id).sort((a, b) => lanes.get(b.id)! - lanes.get(a.id)!);
    const all = [...into.map((e) => `${e.id} in`), ...out.map((e) => `${e.id} out`)];
    all.forEach((key, i) => ends.set(key, boxes[id].y + (h * (i + 1)) / (all.length + 1)));
  }
  const placed: { x: number; y: number }[] = [];
  for (const e of [...calls].sort((a, b) => lanes.get(a.id)! - lanes.get(b.id)!)) {
    const lane = x + w + first + lanes.get(e.id)! * laneStep;
    const y1 = ends.get(`${e.id} out`)!, y2 = ends.get(`${e.id} in`)!;
    const free = (at: number) => placed.every((p) => Math.abs(p.y - at) > labelSize.h + 4 || Math.abs(p.x - lane) > labelSize.w);
    const middle = (y1 + y2) / 2;
    let label = middle;
    for (let off = 0; off < (y2 - y1) / 2 - 12; off += 4) {
      if (free(middle + off)) { label = middle + off; break; }
      if (free(middle - off)) { label = middle - off; break; }
    }
    placed.push({ x: lane, y: label });
    paths[e.id] = { d: rounded([[x + w, y1], [lane, y1], [lane, y2], [x + w, y2]], 10), label: { x: lane, y: label } };
  }
  for (const id of stack) {
    const { x: left, y: top } = boxes[id];
    paths[`${id}>${id}-store`] = { d: `M${left + w / 2} ${top + h}L${left + w / 2} ${top + h + tie}` };
  }
  const mock = boxes['mock-gateway'];
  const partner = { x: x - 12, y: mock.y - 32, w: w + 24, h: h + tie + storeH + 44 };
  return { pill: 48, mode: 'tall', width, height: partner.y + partner.h + 2, boxes, paths, partner };
}

// Without figures the boxes need less room.
export const layoutOf = (width: number, figures: boolean): Layout =>
  (width >= wideFrom ? wide(width, figures) : tall(Math.max(280, width), figures));
