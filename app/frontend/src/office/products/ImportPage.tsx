import { signal } from '@preact/signals';
import { useRef, useState } from 'preact/hooks';
import { navigate } from 'wouter-preact/use-browser-location';
import { ApiError } from '../../api/error';
import { links } from '../../shell/links';
import { Page } from '../../shell/Page';
import { Button, ButtonLink } from '../../ui/Button';
import { Card } from '../../ui/Card';
import { cx } from '../../ui/cx';
import { describe } from '../../ui/describe';
import { Checkbox, FieldError } from '../../ui/Field';
import { Copy, Download, Upload } from '../../ui/icons';
import { Notice } from '../../ui/Notice';
import { Table } from '../../ui/Table';
import { toast } from '../../ui/toast';
import { BackLink, copyText, count, plural, Section, Stats } from '../common/parts';
import common from '../common/common.module.css';
import { catalogueChanged } from './queries';
import { badLinesText, uploadProducts, type ImportReport, type Progress } from './upload';
import styles from './products.module.css';

const mostBytes = 256 * 1024 * 1024;

const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const;
export function size(bytes: number): string {
  const power = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  return new Intl.NumberFormat(undefined, { style: 'unit', unit: units[power], unitDisplay: power === 0 ? 'long' : 'short', maximumFractionDigits: power === 0 ? 0 : 1 })
    .format(bytes / 1000 ** power);
}

const example = `{"sku":"LMP-001","name":"Brass Lantern","price_minor":4900,"currency":"USD","quantity":25,"categories":["Lamps & Light"],"attributes":{"material":"Brass"}}
{"sku":"LMP-001-L","variant_of":"LMP-001","name":"Brass Lantern, Large","price_minor":6900,"currency":"USD","quantity":8,"attributes":{"size":"L"}}`;

function download(text: string, name: string) {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function problemOf(file: File | undefined): string | undefined {
  if (!file) return 'Choose a file.';
  if (file.size === 0) return `${file.name} is empty.`;
  if (file.size > mostBytes) return `${file.name} has ${size(file.size)}. A file may have 256 MB: split it and import the parts one after the other.`;
  if (/\.(csv|xlsx?|zip|gz|pdf)$/i.test(file.name)) return `${file.name} is not JSON Lines: each line must be a JSON object, as in the example below.`;
  return undefined;
}

function Report({ report }: { report: ImportReport }) {
  return (
    <Section title="What came of it">
      {report.failed === 0
        ? <Notice tone="success" live title="Every line was good">{plural(report.lines, 'product')} read.</Notice>
        : <Notice tone="warning" live title={`${plural(report.failed, 'line')} could not be imported`}>All others were. Mend these and import the file again: what is stored already stays as it is.</Notice>}
      <Stats items={[
        { label: 'Lines read', value: count(report.lines) },
        { label: 'Created', value: count(report.created), tone: report.created > 0 ? 'good' : undefined },
        { label: 'Updated', value: count(report.updated) },
        { label: 'Unchanged', value: count(report.unchanged) },
        { label: 'Failed', value: count(report.failed), tone: report.failed > 0 ? 'bad' : undefined },
      ]} />
      {report.errors.length > 0 && (
        <>
          <Table
            caption="Bad lines" rows={report.errors} keyOf={(bad) => bad.line}
            columns={[
              { label: 'Line', main: true, render: (bad) => <>Line {count(bad.line)}</> },
              { label: 'SKU', render: (bad) => (bad.sku ? <code>{bad.sku}</code> : '–') },
              {
                label: 'Why',
                render: (bad) => (
                  <span class={styles.reasons}>
                    {bad.errors.map((e, i) => <span key={i}>{e.pointer && <><code>{e.pointer.replace(/^\//, '')}</code> </>}{e.detail}</span>)}
                  </span>
                ),
              },
            ]}
          />
          {report.errors_truncated && <p class={styles.hint}>Only the first {count(report.errors.length)} bad lines are listed.</p>}
          <div class={common.buttons}>
            <Button size="small" onClick={() => download(badLinesText(report), 'bad-lines.csv')}><Download size={16} aria-hidden="true" />Download as CSV</Button>
            <Button size="small" onClick={() => void copyText(badLinesText(report), 'The list')}><Copy size={16} aria-hidden="true" />Copy</Button>
          </div>
        </>
      )}
      <div><ButtonLink href={`${links.office('products')}?sort=newest`}>To the products</ButtonLink></div>
    </Section>
  );
}

interface Import {
  file: File;
  // While it runs.
  progress?: Progress;
  report?: ImportReport;
  error?: unknown;
  stop: () => void;
}

// The latest import outlives its page: it goes on while one looks elsewhere in the store, and its bad
// lines are there when one comes back.
const latest = signal<Import | undefined>(undefined);

async function importFile(file: File, stock: 'opening' | 'set') {
  const running = new AbortController();
  const at = { file, stop: () => running.abort() };
  const atWork = (progress: Progress) => { latest.value = { ...at, progress }; };
  // The browser asks before it closes the window in the middle.
  const ask = (event: BeforeUnloadEvent) => event.preventDefault();
  addEventListener('beforeunload', ask);
  atWork({ bytes: 0, lines: 0, sent: false });
  try {
    latest.value = { ...at, report: await uploadProducts(file, stock, running.signal, atWork) };
  } catch (error) {
    latest.value = { ...at, error };
  } finally {
    removeEventListener('beforeunload', ask);
    // What came before a break may be stored, too.
    catalogueChanged();
  }
  const page = links.office('products/import');
  if (location.pathname === page) return;
  const action = { label: 'See it', run: () => navigate(page) };
  if (latest.value.error != null) toast(`The import of ${file.name} has broken off`, { tone: 'danger', action });
  else toast(`${file.name} is imported`, { tone: 'success', action });
}

export function ImportPage() {
  const { progress, report, error, stop } = latest.value ?? {};
  const [file, setFile] = useState(latest.value?.file);
  const [wrong, setWrong] = useState<string>();
  const [stock, setStock] = useState<'opening' | 'set'>('opening');
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);

  const choose = (chosen: File | undefined) => {
    if (!chosen) return;
    setFile(chosen);
    setWrong(problemOf(chosen));
    latest.value = undefined;
  };
  const start = (event: Event) => {
    event.preventDefault();
    if (progress) return;
    const problem = problemOf(file);
    setWrong(problem);
    if (problem || !file) input.current?.focus();
    else void importFile(file, stock);
  };

  const stopped = error instanceof DOMException && error.name === 'AbortError';
  return (
    <Page title="Import products" heading="Import products" above={<BackLink href={links.office('products')}>Products</BackLink>} width="narrow">
      <form class={styles.form} onSubmit={start} noValidate>
        <div
          class={cx(styles.drop, over && styles.over)}
          onDragOver={(event) => { event.preventDefault(); setOver(true); }}
          onDragLeave={() => setOver(false)}
          onDrop={(event) => { event.preventDefault(); setOver(false); if (!progress) choose(event.dataTransfer?.files[0]); }}
        >
          <Upload size={28} aria-hidden="true" />
          <label for="import-file"><strong>A JSON Lines file</strong>: one product a line, made or updated by its SKU</label>
          <input
            ref={input} id="import-file" type="file" accept=".jsonl,.ndjson,.json,.txt,application/x-ndjson,application/json" disabled={progress !== undefined}
            aria-invalid={wrong ? true : undefined} aria-describedby={wrong ? 'import-error' : undefined}
            onChange={(event) => choose(event.currentTarget.files?.[0])}
          />
          {file && <p class={styles.numbers}>{file.name}, {size(file.size)}</p>}
          {wrong && <FieldError id="import-error">{wrong}</FieldError>}
        </div>

        <Card>
          <fieldset disabled={progress !== undefined}>
            <legend class={styles.legend}>What “quantity” in the file means</legend>
            <Checkbox
              type="radio" name="stock" checked={stock === 'opening'} onChange={() => setStock('opening')} label="Opening stock of new products"
              hint="What a product has from the start. Products that have had theirs keep what they have now, so the same file can be imported again without harm."
            />
            <Checkbox
              type="radio" name="stock" checked={stock === 'set'} onChange={() => setStock('set')} label="A stocktake of every product"
              hint="What is on hand is set to the file's number, for products that exist, too. What is promised to orders stays promised: a count below that is not taken."
            />
          </fieldset>
        </Card>

        {progress && file && (
          <div class={styles.progress}>
            <progress max={file.size} value={progress.sent ? undefined : progress.bytes} aria-label="Upload" />
            <p class={styles.numbers}>
              {progress.sent ? 'All is sent; the store is working on the rest: ' : ''}
              {size(progress.bytes)} of {size(file.size)}, {plural(progress.lines, 'line')}
            </p>
          </div>
        )}
        {stopped && <Notice tone="info" live title="Stopped">What was sent before may be stored. Importing the file again does no harm.</Notice>}
        {error != null && !stopped && (
          <Notice tone="danger" live title={describe(error).title}>
            {describe(error).text}{' '}
            {error instanceof ApiError && (error.transient || error.kind === 'broken') && 'What was sent before may be stored: importing the same file again does no harm.'}
          </Notice>
        )}
        <div class={common.buttons}>
          <Button type="submit" kind="primary" busy={progress !== undefined}>Import</Button>
          {progress && <Button kind="quiet" onClick={stop}>Stop</Button>}
        </div>
      </form>
      {report && <Report report={report} />}
      <Section title="An example">
        <pre class={styles.example} tabIndex={0} role="region" aria-label="Example of a file">{example}</pre>
        <p class={styles.hint}>
          Needed are <code>sku</code>, <code>name</code>, <code>price_minor</code> (in the smallest unit: cents) and <code>currency</code>; also
          known are <code>description</code>, <code>brand</code>, <code>image</code>, <code>categories</code>, <code>attributes</code>, <code>quantity</code> and <code>variant_of</code>.
        </p>
      </Section>
    </Page>
  );
}
