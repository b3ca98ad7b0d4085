import { describe, expect, test } from 'vitest';
import { labelSize, lanesOf, layoutOf, type Box } from './layout';
import { neighbour } from './SystemMap';
import { edges, nodes } from './topology';

const overlap = (a: Box, b: Box) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

describe.each([280, 328, 560, 706, 959, 960, 1118, 1600])('%i px wide', (width) => {
  describe.each([true, false])('figures: %s', (figures) => {
    const layout = layoutOf(width, figures);
    test('everything is inside', () => {
      expect(layout.width).toBeLessThanOrEqual(width);
      for (const { id } of nodes) {
        const b = layout.boxes[id];
        expect(b.x).toBeGreaterThanOrEqual(0);
        expect(b.x + b.w).toBeLessThanOrEqual(layout.width + 1);
        expect(b.y + b.h).toBeLessThanOrEqual(layout.height);
        expect(b.w).toBeGreaterThan(110);
      }
    });
    test('no box covers another, and no label covers one or another label', () => {
      const boxes = nodes.map((n) => layout.boxes[n.id]);
      boxes.forEach((a, i) => boxes.slice(i + 1).forEach((b) => expect(overlap(a, b)).toBe(false)));
      const labels = edges.flatMap((e) => layout.paths[e.id].label ?? []).map(({ x, y }): Box =>
        ({ x: x - layout.pill / 2, y: y - labelSize.h / 2, w: layout.pill, h: labelSize.h }));
      labels.forEach((a, i) => labels.slice(i + 1).forEach((b) => expect(overlap(a, b)).toBe(false)));
      for (const label of labels) expect(label.x + label.w).toBeLessThanOrEqual(layout.width + 1);
    });
    test('each edge is drawn, and on a desk each call can be chosen', () => {
      for (const e of edges) {
        expect(layout.paths[e.id].d).toMatch(/^M[-\d. LQ]+$/);
        if (e.kind === 'call') expect(layout.paths[e.id].label).toBeDefined();
      }
    });
  });
});

test('lines in one lane do not overlap', () => {
  const lanes = lanesOf(edges.filter((e) => e.kind === 'call'));
  expect(lanes.get('order>cart')).toBe(lanes.get('cart>product'));
  expect(new Set(['order>product', 'cart>inventory', 'order>inventory', 'order>payment'].map((id) => lanes.get(id as 'order>cart'))).size).toBe(4);
});

test('an arrow key goes to the nearest one in its direction', () => {
  const targets = [{ id: 'cart', x: 0, y: 0 }, { id: 'product', x: 100, y: 0 }, { id: 'order', x: 60, y: 80 }, { id: 'payment', x: 0, y: 90 }] as const;
  const from = targets[0];
  expect(neighbour(targets, from, 'ArrowRight')?.id).toBe('product');
  expect(neighbour(targets, from, 'ArrowDown')?.id).toBe('payment');
  expect(neighbour(targets, from, 'ArrowLeft')).toBeUndefined();
});
