// Everything that the map shows at one moment.

import type { SystemHealth } from '../api/types';
import { services } from '../api/types';
import type { MapFigures, Series } from './figures';
import type { Tally } from './shoppers';
import type { EdgeId, NodeId } from './topology';

export type Standing = 'up' | 'down' | 'unknown';

export interface Picture {
  standing: Partial<Record<NodeId, Standing>>;
  versions: Partial<Record<NodeId, string>>;
  // Whether there are figures at all: signed in, and Prometheus answers.
  figures: boolean;
  map: MapFigures;
  // Requests a second that this browser's shoppers make.
  own: Partial<Record<EdgeId, number>>;
  // How many shoppers are at work in this browser.
  sending: number;
}

interface Known {
  health: SystemHealth | undefined;
  // The last question about health failed: what was known is known no longer.
  healthFailed: boolean;
  versions: readonly Series[] | undefined;
  figures: boolean;
  map: MapFigures;
  tally: Tally | undefined;
  atWork: number;
}

export function pictureOf({ health, healthFailed, versions, figures, map, tally, atWork }: Known): Picture {
  const picture: Picture = { standing: {}, versions: {}, figures, map, own: {}, sending: 0 };
  for (const id of services) {
    const said = healthFailed ? undefined : health?.services[id];
    picture.standing[id] = said ? said.status : 'unknown';
    if (said?.version) picture.versions[id] = said.version;
  }
  if (health && !healthFailed) picture.standing.gateway = 'up';
  else if (healthFailed) picture.standing.gateway = 'down';
  // The payment company answers no question from here; Prometheus asks it.
  if (figures && versions) {
    const mock = versions.find((s) => s.metric.service === 'mock-gateway');
    picture.standing['mock-gateway'] = mock ? 'up' : 'down';
    if (mock?.metric.version) picture.versions['mock-gateway'] = mock.metric.version;
  }
  if (tally && (tally.phase === 'running' || tally.phase === 'leaving')) {
    picture.sending = atWork;
    picture.own['shoppers>gateway'] = tally.rate;
    for (const id of services) picture.own[`gateway>${id}`] = tally.byService[id];
  }
  return picture;
}
