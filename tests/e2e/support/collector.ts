import { createServer } from 'node:http';
import { appendFileSync } from 'node:fs';

// A small OTLP/HTTP collector: writes each span it gets as a line of JSON. It lives as long as the
// test run's main process.
export async function startCollector(file: string): Promise<string> {
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece) => pieces.push(piece));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(pieces).toString('utf8'));
      let lines = '';
      for (const resource of body.resourceSpans ?? []) {
        const service = resource.resource.attributes.find((a: any) => a.key === 'service.name')?.value
          .stringValue;
        for (const scope of resource.scopeSpans)
          for (const span of scope.spans) lines += JSON.stringify({ service, ...span }) + '\n';
      }
      appendFileSync(file, lines);
      response.setHeader('content-type', 'application/json');
      response.end('{}');
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  server.unref();
  return `http://127.0.0.1:${(server.address() as any).port}`;
}
