import { useEffect, useId, useMemo, useRef, useState } from 'preact/hooks';
import { Boxes, CircleCheck, CircleQuestionMark, CircleX, CreditCard, Database, Landmark, Receipt, Server, ShoppingCart, Store, Users } from '../ui/icons';
import { cx } from '../ui/cx';
import { breakerStates, errorRatio, type EdgeFigures, type NodeFigures } from './figures';
import * as show from './format';
import { layoutOf, type Box, type Layout, type Path } from './layout';
import type { Picture, Standing } from './picture';
import { edgeName, edges, nameOf, nodes, type Edge, type EdgeId, type Node, type NodeId } from './topology';
import styles from './SystemMap.module.css';

export type Chosen = NodeId | EdgeId;

const icons: Record<string, typeof Server> = {
  shoppers: Users, gateway: Server, product: Store, cart: ShoppingCart, order: Receipt, payment: CreditCard,
  inventory: Boxes, 'mock-gateway': Landmark,
};
const standings: Record<Standing, { icon: typeof Server; word: string }> = {
  up: { icon: CircleCheck, word: 'up' },
  down: { icon: CircleX, word: 'down' },
  unknown: { icon: CircleQuestionMark, word: 'not known' },
};

export const standingWord = (s: Standing) => standings[s].word;

function useWidth() {
  const ref = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    const watch = new ResizeObserver(([entry]) => setWidth(Math.floor(entry!.contentRect.width)));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  return [ref, width] as const;
}

const spoken = (f: NodeFigures | undefined, unit: string) =>
  f?.rate === undefined ? 'no figures'
    : `${show.rate(f.rate)} ${unit} a second, ${show.ratio(errorRatio(f))} errors, p50 ${show.duration(f.p50)}, p99 ${show.duration(f.p99)}`;

function nodeLabel(node: Node, picture: Picture): string {
  const s = picture.standing[node.id];
  const parts = [nameOf(node.id)];
  if (s) parts.push(standings[s].word);
  const version = picture.versions[node.id];
  if (version) parts.push(`version ${version}`);
  if (picture.figures && node.id !== 'shoppers') parts.push(spoken(picture.map.nodes[node.id], node.kind === 'store' ? 'operations' : 'requests'));
  return parts.join(', ');
}

function edgeLabel(e: Edge, picture: Picture): string {
  const f = picture.map.edges[e.id];
  const parts = [`Calls from ${edgeName(e)}`];
  const own = picture.own[e.id] ?? 0;
  if (own > 0) parts.push(`${show.rate(own)} requests a second from this browser`);
  if (picture.figures) parts.push(spoken(f, 'requests'));
  if (f?.breaker !== undefined) parts.push(`breaker ${breakerStates[f.breaker] ?? 'not known'}`);
  return parts.join(', ');
}

// How lively an edge is, in steps, so that its motion doesn't jump with each figure.
const pace = (rate: number) => (rate <= 0 ? 0 : rate < 1 ? 1 : rate < 5 ? 2 : rate < 25 ? 3 : 4);

function Figure({ x, y, value, unit, anchor = 'start', tone }: {
  x: number; y: number; value: string; unit: string; anchor?: 'start' | 'middle' | 'end'; tone?: string | undefined;
}) {
  return (
    <text x={x} y={y} text-anchor={anchor} class={tone}>
      <tspan class={styles.value}>{value}</tspan><tspan class={styles.unit}>{` ${unit}`}</tspan>
    </text>
  );
}

function BoxFace({ node, box, picture, mode }: { node: Node; box: Box; picture: Picture; mode: Layout['mode'] }) {
  const Icon = icons[node.id] ?? Database;
  const standing = picture.standing[node.id];
  const f = picture.map.nodes[node.id];
  const { x, y, w, h } = box;
  const left = x + 13, right = x + w - 13;
  const ratio = errorRatio(f);
  const bad = ratio !== undefined && ratio > 0 ? styles.bad : undefined;
  const Glyph = standing && standings[standing].icon;
  const name = node.kind === 'store' ? node.name : nameOf(node.id);
  const roomy = mode === 'wide' ? w > 150 || node.kind !== 'partner' : w > 200 || node.kind !== 'store';
  const head = (top: number) => (
    <>
      {roomy && <Icon x={left} y={top - 13} size={16} class={styles.icon} aria-hidden="true" />}
      <text x={left + (roomy ? 22 : 0)} y={top} class={styles.name}>{name}</text>
    </>
  );
  const stateLine = (top: number, more: string | undefined) => (
    <>
      {Glyph && <Glyph x={left} y={top - 12.5} size={16} class={cx(styles.glyph, styles[standing])} aria-hidden="true" />}
      <text x={left + (Glyph ? 22 : 0)} y={top} class={cx(styles.small, standing === 'down' && styles.bad)}>
        {[standing && standings[standing].word, more].filter(Boolean).join(' · ')}
      </text>
    </>
  );
  if (node.kind === 'people') {
    const some = picture.sending ? `${picture.sending} at work from here` : 'browsers, scripts, load';
    return mode === 'wide'
      ? <>{head(y + 32)}<text x={left} y={y + 52} class={cx(styles.small, picture.sending > 0 && styles.lively)}>{picture.sending ? `${picture.sending} from here` : 'and their browsers'}</text></>
      : <>{head(y + 28)}<text x={right} y={y + 28} text-anchor="end" class={cx(styles.small, picture.sending > 0 && styles.lively)}>{some}</text></>;
  }
  if (node.kind === 'gateway') {
    const cells: [string, string, string | undefined][] = [
      [show.rate(f?.rate), 'requests/s', undefined], [show.ratio(ratio), 'errors', bad],
      [show.duration(f?.p50), 'p50', undefined], [show.duration(f?.p99), 'p99', undefined],
    ];
    const inner = mode === 'wide' ? Math.min(440, w - 230) : w - 26;
    const start = right - inner;
    const line = mode === 'wide' ? y + 35 : y + 72;
    return (
      <>
        {head(mode === 'wide' ? y + 32 : y + 25)}
        {stateLine(mode === 'wide' ? y + 54 : y + 45, 'nginx, the only port')}
        {picture.figures && cells.map(([value, unit, tone], i) => {
          const at = start + (inner / 4) * (i + 0.5);
          return (
            <g key={unit} class={tone}>
              <text x={at} y={line} text-anchor="middle" class={cx(styles.big, w < 340 && styles.less)}>{value}</text>
              <text x={at} y={line + 18} text-anchor="middle" class={styles.small}>{unit}</text>
            </g>
          );
        })}
      </>
    );
  }
  if (node.kind === 'store') {
    if (mode === 'tall') {
      return (
        <>
          {head(y + 26)}
          {picture.figures && <Figure x={right} y={y + 26} anchor="end" value={show.rate(f?.rate)} unit="op/s" tone={cx(styles.line, bad)} />}
        </>
      );
    }
    return (
      <>
        {head(y + 29)}
        {picture.figures && (
          <g class={styles.line}>
            <Figure x={left} y={y + 47} value={show.rate(f?.rate)} unit="op/s" tone={bad} />
            <Figure x={left} y={y + 63} value={show.duration(f?.p99)} unit="p99" />
          </g>
        )}
      </>
    );
  }
  const version = picture.versions[node.id];
  const compact = w < 220;
  const wideFigures = (
    <g class={styles.line}>
      <Figure x={left} y={y + 90} value={show.duration(f?.p50)} unit="p50" />
      <Figure x={left} y={y + 106} value={show.duration(f?.p99)} unit="p99" />
      <text x={right} y={y + 90} text-anchor="end" class={cx(styles.value, bad)}>{bad ? `▲ ${show.ratio(ratio)}` : show.ratio(ratio)}</text>
      <text x={right} y={y + 106} text-anchor="end" class={cx(styles.unit, bad)}>errors</text>
    </g>
  );
  const tallFigures = (
    <g class={styles.line}>
      <Figure x={right} y={y + 58} anchor="end" value={show.duration(f?.p50)} unit="p50" />
      <Figure x={right} y={y + 75} anchor="end" value={show.duration(f?.p99)} unit="p99" />
      <Figure x={right} y={y + 92} anchor="end" value={bad ? `▲ ${show.ratio(ratio)}` : show.ratio(ratio)} unit="errors" tone={bad} />
    </g>
  );
  return (
    <>
      {head(y + 26)}
      {stateLine(y + (h < 100 ? 49 : 46), version)}
      {picture.figures && (
        <>
          <text x={left} y={y + (compact ? 70 : 84)}>
            <tspan class={styles.big}>{show.rate(f?.rate)}</tspan><tspan class={styles.unit}> req/s</tspan>
          </text>
          {compact ? wideFigures : tallFigures}
        </>
      )}
    </>
  );
}

// The rate, and where there is room the slowest of a hundred; an open breaker comes before both.
function pillOf(f: EdgeFigures | undefined, own: number, mode: Layout['mode']): { lines: string[]; tone: string | undefined } | undefined {
  if (f?.breaker) return { lines: f.breaker === 2 ? ['breaker', 'open'] : ['breaker', 'half'], tone: styles.alarm };
  if (f?.rate === undefined) return own > 0 ? { lines: [`${show.rate(own)}/s`], tone: styles.own } : undefined;
  const ratio = errorRatio(f) ?? 0;
  const lines = [`${ratio > 0 && mode === 'tall' ? '▲ ' : ''}${show.rate(f.rate)}/s`];
  if (ratio > 0) lines.push(`${show.ratio(ratio)} err`);
  else if (mode === 'wide' && f.rate > 0) lines.push(show.duration(f.p99));
  return { lines: mode === 'tall' ? lines.slice(0, 1) : lines, tone: ratio > 0 ? styles.alarm : undefined };
}

function EdgeLine({ edge: e, path, picture, chosen, halo }: { edge: Edge; path: Path; picture: Picture; chosen: boolean; halo: boolean }) {
  const f = picture.map.edges[e.id];
  const own = picture.own[e.id] ?? 0;
  const rate = Math.max(f?.rate ?? 0, own);
  const alarm = Boolean(f?.breaker) || (errorRatio(f) ?? 0) > 0;
  const step = pace(e.kind === 'store' && rate < 5 ? 0 : rate);
  return (
    <g class={cx(styles.edge, styles[e.kind], chosen && styles.chosen, alarm && styles.alarm)}>
      {halo && <path d={path.d} class={styles.halo} />}
      <path d={path.d} class={cx(styles.wire, styles[`wire${step}`])} marker-end="url(#system-arrow)" />
      {step > 0 && <path d={path.d} class={cx(styles.flow, styles[`flow${step}`])} />}
    </g>
  );
}

interface Target {
  id: Chosen;
  x: number;
  y: number;
}

// The nearest one in the direction of the key; what stands aside counts as farther away.
export function neighbour(targets: readonly Target[], from: Target, key: string): Target | undefined {
  const [dx, dy] = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[key] ?? [0, 0];
  let best: Target | undefined, least = Infinity;
  for (const t of targets) {
    const along = (t.x - from.x) * dx! + (t.y - from.y) * dy!;
    const aside = Math.abs((t.x - from.x) * dy!) + Math.abs((t.y - from.y) * dx!);
    if (along < 4) continue;
    const far = along + aside * 2.2;
    if (far < least) { least = far; best = t; }
  }
  return best;
}

interface Props {
  picture: Picture;
  chosen: Chosen | undefined;
  onChoose: (id: Chosen) => void;
}

export function SystemMap({ picture, chosen, onChoose }: Props) {
  const [ref, width] = useWidth();
  const svg = useRef<SVGSVGElement>(null);
  const hint = useId();
  const layout = useMemo(() => (width > 0 ? layoutOf(width, picture.figures) : undefined), [width, picture.figures]);
  const [at, setAt] = useState<Chosen>('gateway');
  const targets = useMemo<Target[]>(() => (!layout ? [] : [
    ...nodes.map(({ id }) => ({ id, x: layout.boxes[id].x + layout.boxes[id].w / 2, y: layout.boxes[id].y + layout.boxes[id].h / 2 })),
    ...edges.filter((e) => layout.paths[e.id].label).map(({ id }) => ({ id, ...layout.paths[id].label! })),
  ]), [layout]);
  const here = targets.some((t) => t.id === at) ? at : 'gateway';

  const onKeyDown = (event: KeyboardEvent) => {
    const from = targets.find((t) => t.id === here);
    if (!from) return;
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      onChoose(here);
      return;
    }
    if (!event.key.startsWith('Arrow')) return;
    event.preventDefault();
    const to = neighbour(targets, from, event.key);
    if (!to) return;
    setAt(to.id);
    svg.current?.querySelector<SVGGElement>(`[data-id="${to.id}"]`)?.focus();
  };
  const control = (id: Chosen, label: string) => ({
    role: 'button', tabindex: here === id ? 0 : -1, 'data-id': id, 'aria-label': label, 'aria-pressed': chosen === id,
    onClick: () => { setAt(id); onChoose(id); },
    onFocus: () => setAt(id),
  } as const);

  return (
    <div ref={ref} class={styles.frame}>
      <p class={styles.hint}>Choose a box or a line to see more of it.<span id={hint} class={styles.keys}> The arrow keys move over the map, Enter chooses.</span></p>
      {layout && (
        <svg
          ref={svg} class={styles.map} width={layout.width} height={layout.height} role="group" aria-label="Map of the system"
          aria-describedby={hint} onKeyDown={onKeyDown} data-mode={layout.mode}
        >
          <defs>
            <marker id="system-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">
              <path d="M0 0.6L7.4 4L0 7.4Z" class={styles.arrow} />
            </marker>
          </defs>
          <g aria-hidden="true">
            <rect {...rectOf(layout.partner)} rx="16" class={styles.premises} />
            <text x={layout.partner.x + (layout.mode === 'wide' ? layout.partner.w / 2 : 14)} y={layout.partner.y + 18} text-anchor={layout.mode === 'wide' ? 'middle' : 'start'} class={styles.region}>another company</text>
            {edges.map((e) => <EdgeLine key={e.id} edge={e} path={layout.paths[e.id]} picture={picture} chosen={chosen === e.id} halo={layout.mode === 'wide'} />)}
          </g>
          {nodes.map((n) => {
            const box = layout.boxes[n.id];
            const standing = picture.standing[n.id];
            return (
              <g key={n.id} {...control(n.id, nodeLabel(n, picture))} class={cx(styles.node, styles[n.kind], standing === 'down' && styles.isDown, chosen === n.id && styles.chosen)}>
                <rect {...rectOf(box)} rx={n.kind === 'store' ? 10 : 13} class={styles.box} />
                {n.kind === 'store' && <path d={`M${box.x + 1} ${box.y + 8}q${box.w / 2 - 1} 6 ${box.w - 2} 0`} class={styles.lid} />}
                <g aria-hidden="true"><BoxFace node={n} box={box} picture={picture} mode={layout.mode} /></g>
              </g>
            );
          })}
          {edges.map((e) => {
            const place = layout.paths[e.id].label;
            if (!place) return null;
            const pill = pillOf(picture.map.edges[e.id], picture.own[e.id] ?? 0, layout.mode);
            const w = layout.pill, h = pill && pill.lines.length > 1 ? 36 : 22;
            return (
              <g key={e.id} {...control(e.id, edgeLabel(e, picture))} class={cx(styles.pill, pill?.tone, chosen === e.id && styles.chosen)}>
                <rect x={place.x - w / 2} y={place.y - 14} width={w} height={28} class={styles.hit} />
                {pill
                  ? (
                    <g aria-hidden="true">
                      <rect x={place.x - w / 2} y={place.y - h / 2} width={w} height={h} rx={11} class={styles.pillBox} />
                      {pill.lines.map((line, i) => (
                        <text key={i} x={place.x} y={place.y + (pill.lines.length > 1 ? -3 + i * 14 : 4)} text-anchor="middle" class={i === 0 ? styles.value : styles.unit}>{line}</text>
                      ))}
                    </g>
                  )
                  : <circle cx={place.x} cy={place.y} r={4.5} class={styles.knob} />}
              </g>
            );
          })}
        </svg>
      )}
    </div>
  );
}

const rectOf = ({ x, y, w, h }: Box) => ({ x, y, width: w, height: h });
