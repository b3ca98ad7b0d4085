// The upload of a file with news of its progress, which fetch() does not give.

import { ApiError, errorOf } from '../../api/error';
import type { ProductSchemas } from '../../api/types';
import { asAdmin } from '../session';

export type ImportReport = ProductSchemas['import_report'];

export interface Progress {
  bytes: number;
  lines: number;
  // All is sent; the service is still working.
  sent: boolean;
}

// Lines are counted as their bytes are sent.
class LineCounter {
  private at = 0;
  private running: Promise<void> = Promise.resolve();
  lines = 0;
  constructor(private readonly file: Blob) {}

  countTo(bytes: number): Promise<void> {
    this.running = this.running.then(async () => {
      const step = 1 << 20;
      while (this.at < bytes) {
        const end = Math.min(bytes, this.at + step);
        const piece = new Uint8Array(await this.file.slice(this.at, end).arrayBuffer());
        for (const byte of piece) if (byte === 10) this.lines += 1;
        this.at = end;
        if (end === this.file.size && piece.length > 0 && piece.at(-1) !== 10) this.lines += 1;
      }
    }).catch(() => undefined);
    return this.running;
  }
}

function responseOf(request: XMLHttpRequest): Response {
  const headers = new Headers();
  for (const line of request.getAllResponseHeaders().trim().split(/[\r\n]+/)) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.append(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
  }
  return new Response(request.responseText, { status: request.status, headers });
}

function send(file: File, stock: 'opening' | 'set', signal: AbortSignal, tell: (progress: Progress) => void): Promise<ImportReport> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const counter = new LineCounter(file);
    const told = { bytes: 0, sent: false };
    const show = (bytes: number, sent: boolean) => {
      told.bytes = Math.min(bytes, file.size);
      told.sent = sent;
      void counter.countTo(told.bytes).then(say);
      say();
    };
    // The counter may end after the answer has come, and then nothing is under way any more.
    let over = false;
    const say = () => { if (!over) tell({ ...told, lines: counter.lines }); };
    for (const end of ['load', 'error', 'abort']) request.addEventListener(end, () => { over = true; });
    request.upload.onprogress = (event) => show(event.loaded, false);
    request.upload.onload = () => show(file.size, true);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) {
        try {
          resolve(JSON.parse(request.responseText) as ImportReport);
        } catch (error) {
          reject(new ApiError({ kind: 'broken', type: 'not-as-agreed', title: 'The answer could not be read' }, error));
        }
      } else {
        errorOf(responseOf(request)).then(reject, reject);
      }
    };
    request.onerror = () => reject(navigator.onLine
      ? new ApiError({ kind: 'down', type: 'unreachable', title: 'The upload broke off' })
      : new ApiError({ kind: 'offline', type: 'offline', title: 'You are offline' }));
    request.onabort = () => reject(new DOMException('The upload was stopped', 'AbortError'));
    request.open('POST', `/api/products/import?stock=${stock}`);
    request.setRequestHeader('content-type', 'application/x-ndjson');
    request.setRequestHeader('accept', 'application/json');
    request.setRequestHeader('souk-act-as', 'admin');
    if (signal.aborted) {
      reject(new DOMException('The upload was stopped', 'AbortError'));
      return;
    }
    signal.addEventListener('abort', () => request.abort());
    request.send(file);
  });
}

export const uploadProducts = (file: File, stock: 'opening' | 'set', signal: AbortSignal, tell: (progress: Progress) => void) =>
  asAdmin(() => send(file, stock, signal, tell));

// A field of a spreadsheet. A text that a spreadsheet would take for a formula is made harmless.
const cell = (text: string) => `"${(/^[=+\-@\t]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;

// The bad lines as a table for a spreadsheet.
export const badLinesText = (report: ImportReport) =>
  ['line,sku,field,reason', ...report.errors.flatMap((bad) =>
    bad.errors.map((e) => [String(bad.line), cell(bad.sku ?? ''), cell(e.pointer), cell(e.detail)].join(',')))].join('\r\n');
