// The kinds of panels, rows and dashboards that Souk uses, in Grafana's JSON.

const prometheus = { type: 'prometheus', uid: 'prometheus' };
const jaeger = { type: 'jaeger', uid: 'jaeger' };

export const red = 'red';
export const yellow = 'yellow';
export const green = 'green';

// Thresholds: steps(green, [5, yellow], [10, red]).
export const steps = (base, ...more) => ({
  mode: 'absolute',
  steps: [{ color: base, value: null }, ...more.map(([value, color]) => ({ color, value }))],
});
const none = steps('text');

// A target: its query and how its series are called.
export const ask = (expr, legend = '') => ({ expr, legend });

const targets = (asked, instant, format) =>
  asked.map(({ expr, legend }, i) => ({
    refId: String.fromCharCode(65 + i),
    datasource: prometheus,
    expr,
    legendFormat: legend,
    ...(instant ? { instant: true, range: false } : { range: true }),
    ...(format ? { format } : {}),
  }));

// The runbook of an alert. The Compose file and the manifests mount docs/operations/runbooks where
// Grafana serves it, so that the link works without a route to the Internet.
export const runbookUrl = (alert) => `/public/runbooks/${alert}.md`;
const runbook = (alert) => ({
  title: `Runbook: ${alert}`,
  type: 'link',
  icon: 'doc',
  url: runbookUrl(alert),
  tooltip: 'What to do when this is wrong',
  targetBlank: true,
  asDropdown: false,
  includeVars: false,
  keepTime: false,
  tags: [],
});

// A search in Jaeger, in Grafana's Explore: { operation, minDuration, tags }. Grafana fills in
// ${...} when the link is followed, which it only finds unescaped.
export function traces(title, search) {
  const pane = {
    datasource: 'jaeger',
    queries: [{ refId: 'A', datasource: jaeger, queryType: 'search', limit: 20, ...search }],
    range: { from: '${__from}', to: '${__to}' },
  };
  const panes = encodeURIComponent(JSON.stringify({ a: pane })).replace(
    /%24%7B([A-Za-z_.]+)%7D/g,
    (_, name) => `\${${name}}`,
  );
  return { title, url: `/explore?schemaVersion=1&orgId=1&panes=${panes}`, targetBlank: true };
}

const panel = (type, width, height, p, more) => ({
  type,
  title: p.title,
  description: p.description,
  size: { w: width, h: height },
  datasource: p.datasource ?? prometheus,
  ...(p.runbooks ? { links: p.runbooks.map(runbook) } : {}),
  ...more,
});

// One figure. `p.mappings` names values: { 0: ['down', red] }.
export const figure = (p) =>
  panel('stat', p.width ?? 4, p.height ?? 4, p, {
    targets: targets(p.queries, true),
    fieldConfig: {
      defaults: {
        unit: p.unit,
        decimals: p.decimals,
        color: { mode: 'thresholds' },
        thresholds: p.thresholds ?? none,
        ...(p.mappings
          ? {
              mappings: [
                {
                  type: 'value',
                  options: Object.fromEntries(
                    Object.entries(p.mappings).map(([v, [t, color]]) => [v, { text: t, color }]),
                  ),
                },
              ],
            }
          : {}),
        ...(p.links ? { links: p.links } : {}),
      },
      overrides: [],
    },
    options: {
      colorMode: p.thresholds || p.mappings ? 'background' : 'none',
      graphMode: 'none',
      justifyMode: 'auto',
      orientation: 'auto',
      percentChangeColorMode: 'standard',
      showPercentChange: false,
      textMode: p.queries.length > 1 || p.named ? 'value_and_name' : 'value',
      wideLayout: true,
      reduceOptions: { calcs: ['lastNotNull'], values: false },
    },
  });

// Lines over time. `p.stacked`: areas on each other; `p.thresholds` are drawn as lines.
export const lines = (p) =>
  panel('timeseries', p.width ?? 12, p.height ?? 8, p, {
    targets: targets(p.queries, false),
    fieldConfig: {
      defaults: {
        unit: p.unit,
        decimals: p.decimals,
        min: 0,
        ...(p.max !== undefined ? { max: p.max } : {}),
        color: { mode: 'palette-classic-by-name' },
        thresholds: p.thresholds ?? none,
        custom: {
          drawStyle: 'line',
          lineWidth: 1,
          fillOpacity: p.stacked ? 40 : 5,
          showPoints: 'never',
          stacking: { group: 'A', mode: p.stacked ? 'normal' : 'none' },
          thresholdsStyle: { mode: p.thresholds ? 'dashed' : 'off' },
        },
        ...(p.links ? { links: p.links } : {}),
      },
      overrides: [],
    },
    options: {
      legend: {
        calcs: ['lastNotNull', 'max'],
        displayMode: 'table',
        placement: 'right',
        showLegend: true,
        sortBy: 'Max',
        sortDesc: true,
      },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
  });

// Horizontal bars, one a series.
export const bars = (p) =>
  panel('bargauge', p.width ?? 12, p.height ?? 8, p, {
    targets: targets(p.queries, true),
    fieldConfig: {
      defaults: {
        unit: p.unit,
        decimals: p.decimals,
        min: 0,
        color: { mode: p.thresholds ? 'thresholds' : 'palette-classic-by-name' },
        thresholds: p.thresholds ?? none,
        ...(p.links ? { links: p.links } : {}),
      },
      overrides: [],
    },
    options: {
      displayMode: 'basic',
      maxVizHeight: 300,
      minVizHeight: 16,
      minVizWidth: 8,
      namePlacement: 'left',
      orientation: 'horizontal',
      reduceOptions: { calcs: ['lastNotNull'], values: false },
      showUnfilled: true,
      sizing: 'auto',
      valueMode: 'color',
      legend: { calcs: [], displayMode: 'hidden', placement: 'bottom', showLegend: false },
    },
  });

const tableOptions = (sortBy) => ({
  cellHeight: 'sm',
  frameIndex: 0,
  showHeader: true,
  ...(sortBy ? { sortBy: [{ desc: true, displayName: sortBy }] } : {}),
  footer: { show: false, reducer: ['sum'] },
});

// Rows of labels with a column for each query: its legend is the column's name, `p.units` and
// `p.limits` belong to the columns by name. `p.empty` is shown when no data is good news.
export const table = (p) =>
  panel('table', p.width ?? 12, p.height ?? 8, p, {
    targets: targets(p.queries, true, 'table'),
    transformations: [
      { id: 'merge', options: {} },
      {
        id: 'organize',
        options: {
          excludeByName: { Time: true, ...(p.hide ?? {}) },
          indexByName: {},
          renameByName: Object.fromEntries(
            p.queries.map(({ legend }, i) => [
              p.queries.length > 1 ? `Value #${String.fromCharCode(65 + i)}` : 'Value',
              legend,
            ]),
          ),
        },
      },
    ],
    fieldConfig: {
      defaults: {
        unit: p.unit ?? 'short',
        thresholds: none,
        ...(p.empty ? { noValue: p.empty } : {}),
        custom: { align: 'auto', cellOptions: { type: 'auto' }, inspect: false },
      },
      overrides: [
        ...p.queries
          .filter(({ legend }) => p.units?.[legend])
          .map(({ legend }) => ({
            matcher: { id: 'byName', options: legend },
            properties: [
              { id: 'unit', value: p.units[legend] },
              ...(p.limits?.[legend]
                ? [
                    { id: 'thresholds', value: p.limits[legend] },
                    { id: 'custom.cellOptions', value: { type: 'color-text' } },
                  ]
                : []),
            ],
          })),
        ...Object.entries(p.columnLinks ?? {}).map(([column, links]) => ({
          matcher: { id: 'byName', options: column },
          properties: [{ id: 'links', value: links }],
        })),
      ],
    },
    options: tableOptions(p.sortBy),
  });

// Traces that a search in Jaeger finds, newest first; their ids lead to them.
export const traceTable = (p) =>
  panel('table', p.width ?? 12, p.height ?? 8, { ...p, datasource: jaeger }, {
    targets: [{ refId: 'A', datasource: jaeger, queryType: 'search', limit: 20, ...p.search }],
    fieldConfig: {
      defaults: {
        unit: 'µs',
        thresholds: none,
        noValue: p.empty,
        custom: { align: 'auto', cellOptions: { type: 'auto' }, inspect: false },
      },
      overrides: [],
    },
    options: tableOptions(),
  });

export const row = (title) => ({ type: 'row', title });

// Panels flow from left to right, and into a new line where the next one doesn't fit.
function layOut(panels) {
  let x = 0;
  let y = 0;
  let tallest = 0;
  const newLine = () => {
    x = 0;
    y += tallest;
    tallest = 0;
  };
  return panels.map((p, i) => {
    const { size, ...rest } = p;
    const { w, h } = size ?? { w: 24, h: 1 };
    if (x + w > 24 || p.type === 'row') newLine();
    const placed = { id: i + 1, ...rest, gridPos: { x, y, w, h } };
    x += w;
    tallest = Math.max(tallest, h);
    if (p.type === 'row') {
      newLine();
      return { ...placed, collapsed: false, panels: [] };
    }
    return placed;
  });
}

const variable = (name, label, query) => ({
  type: 'query',
  name,
  label,
  datasource: prometheus,
  query: { query, refId: name },
  refresh: 2,
  sort: 1,
  multi: true,
  includeAll: true,
  allValue: '.*',
  current: { selected: true, text: ['All'], value: ['$__all'] },
  options: [],
  regex: '',
  hide: 0,
});

const annotation = (name, color, target) => ({
  name,
  enable: true,
  hide: false,
  iconColor: color,
  datasource: prometheus,
  expr: target.expr,
  titleFormat: target.title,
  textFormat: target.text,
  step: '15s',
});

// `variables`: of job and instance.
export const dashboard = ({ uid, title, description, variables = [], panels, from = 'now-1h' }) => ({
  uid,
  title: `Souk: ${title}`,
  description,
  tags: ['souk'],
  timezone: 'browser',
  refresh: '10s',
  time: { from, to: 'now' },
  timepicker: {},
  schemaVersion: 39,
  version: 1,
  editable: false,
  fiscalYearStartMonth: 0,
  graphTooltip: 1,
  weekStart: '',
  links: [
    {
      title: 'Souk',
      type: 'dashboards',
      icon: 'external link',
      tags: ['souk'],
      tooltip: 'The other dashboards, for the same time',
      asDropdown: false,
      includeVars: false,
      keepTime: true,
      targetBlank: false,
    },
  ],
  annotations: {
    list: [
      annotation('Alerts', 'red', {
        expr: 'ALERTS{alertstate="firing"}',
        title: '{{alertname}}',
        text: '{{severity}} {{job}}',
      }),
      annotation('Starts', 'blue', {
        expr: 'changes(process_start_time_seconds{job=~".*-service|mock-gateway"}[1m]) > 0',
        title: '{{job}} was started',
        text: '{{instance}}',
      }),
    ],
  },
  templating: {
    list: [
      ...(variables.includes('job')
        ? [variable('job', 'Service', 'label_values(souk_build_info, job)')]
        : []),
      ...(variables.includes('instance')
        ? [variable('instance', 'Replica', 'label_values(souk_build_info{job=~"$job"}, instance)')]
        : []),
    ],
  },
  panels: layOut(panels),
});
