import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, rmSync } from 'node:fs';
import { givenStack, results, root, stack } from './stack.ts';

export default async function stop() {
  if (givenStack()) return;
  const { state, portBase } = stack();
  const env = { ...process.env, SOUK_STATE: state, SOUK_PORT_BASE: String(portBase) };
  const down = spawnSync(`${root}/souk`, ['down'], { env, encoding: 'utf8', timeout: 120_000 });
  if (existsSync(`${state}/logs`)) cpSync(`${state}/logs`, `${results}/logs`, { recursive: true });
  if (down.status !== 0) throw new Error(`./souk down failed: ${down.stdout}${down.stderr}`);
  rmSync(state, { recursive: true, force: true });
}
