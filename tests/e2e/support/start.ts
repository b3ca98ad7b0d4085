import { spawn } from 'node:child_process';
import { mkdirSync, openSync, rmSync } from 'node:fs';
import { startCollector } from './collector.ts';
import { freePortBase, givenStack, results, root, saveStack, stateFolder } from './stack.ts';

// Brings up a store of the tests' own, beside any that runs already: other ports, other state.
export default async function start() {
  mkdirSync(results, { recursive: true });
  const given = givenStack();
  if (given) return saveStack(given);
  const portBase = await freePortBase();
  const state = stateFolder();
  rmSync(`${results}/spans.jsonl`, { force: true });
  const collector = await startCollector(`${results}/spans.jsonl`);
  saveStack({ portBase, state });
  const log = openSync(`${results}/up.log`, 'w');
  const up = spawn(`${root}/souk`, ['up'], {
    stdio: ['ignore', log, log],
    env: {
      ...process.env,
      SOUK_BUILD: 'dev', // what tests/run has just built
      SOUK_STATE: state,
      SOUK_PORT_BASE: String(portBase),
      OTEL_EXPORTER_OTLP_ENDPOINT: collector,
      // The tests are one client with the appetite of many.
      GATEWAY_RATE: '5000', GATEWAY_BURST: '5000',
      GATEWAY_SESSION_RATE: '1000', GATEWAY_SESSION_BURST: '1000',
      GATEWAY_SIGN_IN_RATE: '600', GATEWAY_SIGN_IN_BURST: '100',
      GATEWAY_CONNECTIONS: '1000',
      GATEWAY_TESTERS: 'early-bird',
      ORDER_WAIT_MS: '8000',
    },
  });
  const status = await new Promise((done) => up.on('exit', done));
  if (status !== 0) throw new Error(`./souk up ended with status ${status}; see ${results}/up.log`);
}
