import { spawn } from 'node:child_process';
import { mkdirSync, openSync, rmSync } from 'node:fs';
import { startCollector } from './collector.ts';
import { freePortBase, givenStack, results, root, saveStacks, stateFolder, workers, type Stack } from './stack.ts';

// Brings up the tests' own stores, beside any that runs already: other ports, other state. One after
// the other: they share the build.
export default async function start() {
  mkdirSync(results, { recursive: true });
  const given = givenStack();
  if (given) return saveStacks([given]);
  rmSync(`${results}/spans.jsonl`, { force: true });
  const collector = await startCollector(`${results}/spans.jsonl`);
  const stacks: Stack[] = [];
  while (stacks.length < workers) {
    stacks.push({ portBase: await freePortBase(), state: stateFolder() });
    saveStacks(stacks);
    await bringUp(stacks.at(-1)!, `${results}/up-${stacks.length - 1}.log`, collector);
  }
}

async function bringUp({ portBase, state }: Stack, told: string, collector: string) {
  const log = openSync(told, 'w');
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
  if (status !== 0) throw new Error(`./souk up ended with status ${status}; see ${told}`);
}
