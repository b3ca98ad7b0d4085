// Makes src/api/generated from the services' OpenAPI documents:
//   node scripts/generate-api.mjs
// SOUK_PROGRAMS names the folder with the services' programs (build/release/bin of the checkout);
// SOUK_DOCUMENTS, if set, a folder with <service>.json to be taken instead.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import openapiTypescript, { astToString } from 'openapi-typescript';

const services = ['product', 'cart', 'order', 'payment', 'inventory'];
const frontend = dirname(dirname(fileURLToPath(import.meta.url)));
const programs = resolve(process.env.SOUK_PROGRAMS || join(frontend, '../../build/release/bin'));
const documents = process.env.SOUK_DOCUMENTS;
const target = join(frontend, 'src/api/generated');

// Served inside only, or (books) by four services under one path.
const inside = /^\/(health(\/.*)?|metrics|openapi\.json|books|\.well-known\/.*)$/;

function fail(message) {
  console.error(`generate-api: ${message}`);
  process.exit(1);
}

function documentOf(service) {
  if (documents) {
    const file = join(documents, `${service}.json`);
    if (!existsSync(file)) fail(`${file} is missing`);
    return readFileSync(file, 'utf8');
  }
  const program = join(programs, `${service}-service`);
  if (!existsSync(program)) {
    fail(`${program} is missing; build the services first (./souk up does), or set SOUK_PROGRAMS`);
  }
  try {
    return execFileSync(program, ['--openapi'], {
      encoding: 'utf8', maxBuffer: 1 << 26, timeout: 20_000, stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    return fail(`${program} --openapi failed: ${String(error.stderr || error.message).trim()}`);
  }
}

mkdirSync(target, { recursive: true });
for (const service of services) {
  let document;
  try {
    document = JSON.parse(documentOf(service));
  } catch (error) {
    fail(`the document of ${service}-service is not JSON: ${error.message}`);
  }
  for (const path of Object.keys(document.paths)) {
    if (inside.test(path)) delete document.paths[path];
  }
  const types = astToString(await openapiTypescript(document, { alphabetize: true }));
  const file = join(target, `${service}.ts`);
  // What has not changed keeps its time, for the dev server's sake.
  if (!existsSync(file) || readFileSync(file, 'utf8') !== types) writeFileSync(file, types);
}
