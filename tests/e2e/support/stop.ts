import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, rmSync } from 'node:fs';
import { givenStack, results, root, savedStacks } from './stack.ts';

export default async function stop() {
  if (givenStack()) return;
  const failed = [];
  for (const [worker, { state, portBase }] of savedStacks().entries()) {
    const env = { ...process.env, SOUK_STATE: state, SOUK_PORT_BASE: String(portBase) };
    const down = spawnSync(`${root}/souk`, ['down'], { env, encoding: 'utf8', timeout: 120_000 });
    if (existsSync(`${state}/logs`)) cpSync(`${state}/logs`, `${results}/logs-${worker}`, { recursive: true });
    if (down.status === 0) rmSync(state, { recursive: true, force: true });
    else failed.push(`${down.stdout}${down.stderr}`);
  }
  if (failed.length) throw new Error(`./souk down failed: ${failed.join('\n')}`);
}
