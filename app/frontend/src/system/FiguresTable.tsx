import { Table } from '../ui/Table';
import { breakerStates, errorRatio } from './figures';
import * as show from './format';
import type { Picture } from './picture';
import { standingWord } from './SystemMap';
import { edgeName, edges, nameOf, nodes, type Edge, type Node } from './topology';

// The same as the map, in words and numbers.
export function FiguresTable({ picture }: { picture: Picture }) {
  const n = (node: Node) => picture.map.nodes[node.id];
  const e = (edge: Edge) => picture.map.edges[edge.id];
  const state = [
    { label: 'Part', main: true, render: (node: Node) => nameOf(node.id) },
    { label: 'Health', render: (node: Node) => { const s = picture.standing[node.id]; return s ? standingWord(s) : show.none; } },
    { label: 'Version', render: (node: Node) => picture.versions[node.id] ?? show.none },
  ];
  const figures = [
    { label: 'Requests/s', numeric: true, render: (node: Node) => show.rate(n(node)?.rate) },
    { label: 'Errors', numeric: true, render: (node: Node) => show.ratio(errorRatio(n(node))) },
    { label: 'p50', numeric: true, render: (node: Node) => show.duration(n(node)?.p50) },
    { label: 'p99', numeric: true, render: (node: Node) => show.duration(n(node)?.p99) },
  ];
  const parts = nodes.filter((node) => node.kind !== 'people');
  return (
    <>
      <Table caption="Parts of the system" columns={picture.figures ? [...state, ...figures] : state} keyOf={(node) => node.id} rows={parts} />
      <Table
        caption="Calls between the parts" keyOf={(edge) => edge.id}
        rows={edges.filter((edge) => edge.kind !== 'store')}
        columns={[
          { label: 'Call', main: true, render: (edge: Edge) => edgeName(edge) },
          { label: 'What for', render: (edge: Edge) => edge.about },
          ...(picture.figures ? [
            { label: 'Requests/s', numeric: true, render: (edge: Edge) => show.rate(e(edge)?.rate) },
            { label: 'Errors', numeric: true, render: (edge: Edge) => show.ratio(errorRatio(e(edge))) },
            { label: 'p50', numeric: true, render: (edge: Edge) => show.duration(e(edge)?.p50) },
            { label: 'p99', numeric: true, render: (edge: Edge) => show.duration(e(edge)?.p99) },
            { label: 'Breaker', render: (edge: Edge) => { const b = e(edge)?.breaker; return b === undefined ? show.none : breakerStates[b] ?? show.none; } },
          ] : []),
        ]}
      />
    </>
  );
}
