// Checks dashboards against the types that Grafana generates from its dashboard schema (CUE) and
// publishes as @grafana/schema, in the version that is deployed:
//
//  - the dashboard, its variables, links, annotations and time picker: type Dashboard;
//  - panels: type Panel, with nothing in them that the type does not know, and for each kind of panel
//    its options and its fields' custom settings as that panel's plugin declares them;
//  - Prometheus queries: type PrometheusDataQuery as Grafana documents it, written down below, since
//    that package does not publish it; searches in Jaeger likewise.
//
// Each file becomes a TypeScript literal, which tsc checks: an unknown or missing member, a wrong
// type or a value outside of an enumeration is an error. What is of type `unknown` there (options of
// transformations, values of overrides) is not checked; nor is whether Grafana draws what was meant.
//
//   node check.mjs FILE...       after npm ci; exit status 1 if a file does not fit

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const here = dirname(fileURLToPath(import.meta.url));
const raw = '@grafana/schema/dist/esm/raw';
const kinds = ['bargauge', 'stat', 'table', 'timeseries'];
const plugin = { bargauge: 'BarGauge', stat: 'Stat', table: 'Table', timeseries: 'TimeSeries' };
const hasFields = ['table', 'timeseries'];

const types = `
import type * as grafana from '${raw}/dashboard/x/dashboard_types.gen';
${kinds.map((k) => `import type * as ${k} from '${raw}/composable/${k}/panelcfg/x/${plugin[k]}PanelCfg_types.gen';`).join('\n')}

// JSON has an enumeration's values, not its names.
type Plain<T> =
  unknown extends T ? T
  : T extends string ? \`\${T}\`
  : T extends number ? (\`\${T}\` extends \`\${infer N extends number}\` ? N : T)
  : T extends boolean | null | undefined ? T
  : T extends Array<infer E> ? Array<Plain<E>>
  : T extends object ? { [K in keyof T]: Plain<T[K]> }
  : T;

interface PrometheusQuery {
  refId: string;
  datasource: { type: 'prometheus'; uid: string };
  expr: string;
  legendFormat?: string;
  instant?: boolean;
  range?: boolean;
  exemplar?: boolean;
  format?: 'time_series' | 'table' | 'heatmap';
  interval?: string;
  hide?: boolean;
}
interface JaegerSearch {
  refId: string;
  datasource: { type: 'jaeger'; uid: string };
  queryType: 'search';
  service: string;
  operation?: string;
  tags?: string;
  minDuration?: string;
  maxDuration?: string;
  limit?: number;
}
interface DataLink { title: string; url: string; targetBlank?: boolean }

type Panel<Kind extends string, Options, Fields> = Omit<Plain<grafana.Panel>, 'type' | 'targets' | 'options' | 'fieldConfig'> & {
  type: Kind;
  targets: Array<PrometheusQuery | JaegerSearch>;
  options: Plain<Options>;
  fieldConfig: Omit<Plain<grafana.FieldConfigSource>, 'defaults'> & {
    defaults: Omit<Plain<grafana.FieldConfig>, 'custom' | 'links'> & { custom?: Plain<Fields>; links?: DataLink[] };
  };
};
type Row = Omit<Plain<grafana.RowPanel>, 'panels'> & { panels: [] };
type AnyPanel =
  | Row
${kinds.map((k) => `  | Panel<'${k}', ${k}.Options, ${hasFields.includes(k) ? `${k}.FieldConfig` : 'never'}>`).join('\n')};

// A query of Prometheus beside the common members is how that data source keeps its annotations.
type Annotation = Plain<grafana.AnnotationQuery> & {
  expr: string; titleFormat?: string; textFormat?: string; step?: string;
};
export type Souk = Omit<Plain<grafana.Dashboard>, 'panels' | 'annotations'> & {
  uid: string; title: string;
  panels: AnyPanel[];
  annotations: { list: Annotation[] };
};
`;

// One literal a panel, so that a mistake is told of that panel and not of the union of all.
const files = new Map([[join(here, 'types.ts'), types]]);
for (const file of process.argv.slice(2)) {
  const text = readFileSync(file, 'utf8');
  files.set(join(here, `${file.replaceAll(/[^a-z-]/g, '_')}.ts`), `import type { Souk } from './types';\nexport const dashboard: Souk = ${text};\n`);
}

const options = {
  strict: true,
  noEmit: true,
  // The files' own texts are exact; the package's declarations are not ours to check.
  skipLibCheck: true,
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  types: [],
};
const host = ts.createCompilerHost(options);
const { getSourceFile, fileExists, readFile } = host;
host.fileExists = (name) => files.has(name) || fileExists.call(host, name);
host.readFile = (name) => files.get(name) ?? readFile.call(host, name);
host.getSourceFile = (name, version, ...rest) =>
  files.has(name)
    ? ts.createSourceFile(name, files.get(name), version)
    : getSourceFile.call(host, name, version, ...rest);

const program = ts.createProgram([...files.keys()], options, host);
const found = ts.getPreEmitDiagnostics(program);
for (const d of found) {
  const at = d.file && d.file.getLineAndCharacterOfPosition(d.start);
  const name = d.file ? d.file.fileName.slice(here.length + 1) : '';
  console.error(`${name}:${at ? at.line : 0}: ${ts.flattenDiagnosticMessageText(d.messageText, '\n  ')}`);
}
console.log(`${process.argv.length - 2} files against the types of @grafana/schema 11.4.0: ${found.length} errors`);
process.exit(found.length ? 1 : 0);
