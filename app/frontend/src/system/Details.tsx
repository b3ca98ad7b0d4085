import { useQuery } from '@tanstack/preact-query';
import { Badge, type Tone } from '../ui/Badge';
import { Loaded } from '../ui/Loaded';
import { Skeleton, SkeletonGroup } from '../ui/Skeleton';
import { breakerStates, errorRatio, historyOf, historyPlace, type EdgeFigures, type NodeFigures, type Series } from './figures';
import * as show from './format';
import { HistoryChart } from './HistoryChart';
import type { Picture, Standing } from './picture';
import { historyQuery } from './queries';
import { standingWord, type Chosen } from './SystemMap';
import { edgeName, edges, nameOf, nodeOf, type NodeId } from './topology';
import styles from './Details.module.css';

const tones: Record<Standing, Tone> = { up: 'success', down: 'danger', unknown: 'neutral' };

export const edgeOf = (id: Chosen) => edges.find((e) => e.id === id);
export const titleOf = (id: Chosen) => {
  const edge = edgeOf(id);
  return edge ? edgeName(edge) : nameOf(id as NodeId);
};

function History({ id }: { id: Chosen }) {
  const place = historyPlace(id)!;
  const query = useQuery(historyQuery(place.metric));
  const of = (series: readonly Series[], figure: string) => historyOf(series, { ...place.labels, figure });
  return (
    <Loaded query={query} heading="h3" what="History" skeleton={<SkeletonGroup label="Loading the history"><Skeleton shape="block" height="120px" /></SkeletonGroup>}>
      {(series) => (
        <div class={styles.charts}>
          {place.metric !== 'gateway-history' && (
            <HistoryChart title={place.metric === 'stores-history' ? 'Operations a second' : 'Requests a second'} show={show.rate} lines={[
              { label: 'all', points: of(series, 'rate') },
              { label: 'failed', points: of(series, 'errors'), dashed: true },
            ]} />
          )}
          <HistoryChart title="Duration" show={show.duration} lines={[
            { label: 'p50', points: of(series, 'p50') },
            { label: 'p99', points: of(series, 'p99'), dashed: true },
          ]} />
        </div>
      )}
    </Loaded>
  );
}

const remarks: Partial<Record<Chosen, string>> = {
  gateway: 'nginx keeps no figures of its own. Shown is what the services measured of what came through it.',
  'shoppers>gateway': 'nginx keeps no figures of its own. Shown is what the services measured of what came through it; pages and pictures are not counted.',
};

function Links({ title, ids, onChoose, name }: { title: string; ids: readonly Chosen[]; onChoose: (id: Chosen) => void; name: (id: Chosen) => string }) {
  if (ids.length === 0) return null;
  return (
    <div class={styles.links}>
      <span class={styles.linksTitle} aria-hidden="true">{title}</span>
      <ul class={styles.list} aria-label={title}>
        {ids.map((id) => <li key={id}><button type="button" class={styles.link} onClick={() => onChoose(id)}>{name(id)}</button></li>)}
      </ul>
    </div>
  );
}

// What is known of one box or line.
export function Details({ id, picture, onChoose }: { id: Chosen; picture: Picture; onChoose: (id: Chosen) => void }) {
  const edge = edgeOf(id);
  const node = edge ? undefined : nodeOf(id as NodeId);
  const f: (NodeFigures & EdgeFigures) | undefined = edge ? picture.map.edges[edge.id] : picture.map.nodes[id as NodeId];
  const standing = node && picture.standing[node.id];
  const version = node && picture.versions[node.id];
  const store = node?.kind === 'store' || edge?.kind === 'store';
  const remark = remarks[id] ?? (edge?.from === 'gateway'
    ? 'The rate is what the service answered, less what other services asked of it; the rest is the service’s own.' : undefined);
  const counted = picture.figures && id !== 'shoppers';
  return (
    <div class={styles.details}>
      <p class={styles.about}>{edge ? edge.about : node!.about}</p>
      {(standing || version) && (
        <p class={styles.badges}>
          {standing && <Badge tone={tones[standing]}>{standingWord(standing)}</Badge>}
          {version && <Badge>version {version}</Badge>}
        </p>
      )}
      {counted && (
        <dl class={styles.figures}>
          <div><dt>{store ? 'Operations' : 'Requests'} a second</dt><dd>{show.rate(f?.rate)}</dd></div>
          <div><dt>Errors</dt><dd>{show.ratio(errorRatio(f))}</dd></div>
          <div><dt>p50</dt><dd>{show.duration(f?.p50)}</dd></div>
          <div><dt>p99</dt><dd>{show.duration(f?.p99)}</dd></div>
          {edge?.kind === 'call' && <div><dt>Breaker</dt><dd>{f?.breaker === undefined ? show.none : breakerStates[f.breaker] ?? show.none}</dd></div>}
          {store && f?.connections !== undefined && <div><dt>Connections in use</dt><dd>{show.count(f.connections)}</dd></div>}
        </dl>
      )}
      {counted && <History key={id} id={id} />}
      {counted && remark && <p class={styles.remark}>{remark}</p>}
      {!picture.figures && <p class={styles.remark}>Its figures are for administrators.</p>}
      {node && (
        <>
          <Links title="Calls" ids={edges.filter((e) => e.from === node.id).map((e) => e.id)} onChoose={onChoose} name={(e) => nameOf(edgeOf(e)!.to)} />
          <Links title="Called by" ids={edges.filter((e) => e.to === node.id).map((e) => e.id)} onChoose={onChoose} name={(e) => nameOf(edgeOf(e)!.from)} />
        </>
      )}
      {edge && <Links title="Ends" ids={[edge.from, edge.to]} onChoose={onChoose} name={(n) => nameOf(n as NodeId)} />}
    </div>
  );
}
