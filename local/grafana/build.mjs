#!/usr/bin/env node
// Makes dashboards/*.json. The dashboards are described in dashboards.mjs; what all of them share
// (look, links, layout) is here.
//
//   node local/grafana/build.mjs           writes the files
//   node local/grafana/build.mjs --check   fails if a file is not what it would write

import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dashboards } from './dashboards.mjs';

const folder = join(dirname(fileURLToPath(import.meta.url)), 'dashboards');

// One member a line, except what fits on a line as a whole: short to read, and a change of one
// thing is a change of one line.
function text(value, indent = '') {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const short = JSON.stringify(value, null, 1).replace(/\n */g, ' ');
  if (indent.length + short.length <= 100) return short;
  const deeper = `${indent}  `;
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  const members = Array.isArray(value)
    ? value.map((v) => text(v, deeper))
    : Object.entries(value)
        .filter(([, v]) => v !== undefined)
        .map(([k, v]) => `${JSON.stringify(k)}: ${text(v, deeper)}`);
  return `${open}\n${members.map((m) => deeper + m).join(',\n')}\n${indent}${close}`;
}

const files = new Map(dashboards().map((d) => [`${d.uid}.json`, `${text(d)}\n`]));
const wrong = [];
for (const [name, content] of files) {
  const path = join(folder, name);
  if (existsSync(path) && readFileSync(path, 'utf8') === content) continue;
  if (process.argv.includes('--check')) wrong.push(`${name} is not what build.mjs makes`);
  else writeFileSync(path, content);
}
for (const name of readdirSync(folder)) {
  if (name.endsWith('.json') && !files.has(name)) wrong.push(`${name} is made by nobody`);
}
for (const sentence of wrong) console.error(`local/grafana/dashboards: ${sentence}; run node local/grafana/build.mjs`);
process.exit(wrong.length ? 1 : 0);
