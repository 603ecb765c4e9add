import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import type { TenantsAnswer } from '../src/lib/api/answers/tenants.ts';
import { ptbScript } from '../test/paths.ts';
import { quiet } from '../test/support/watched-demo.ts';
import { type Demo, startDemo } from '../src/cli/demo/start-demo.ts';
import { type Bench, figure, round } from './measure.ts';

const tenants = 500;
const parallel = 8;
const pairs = 7;
const programMs = 50;
const program = ['sleep', String(programMs / 1000)] as const;

/** The least a loop must do: start the program with pipes for its output, so many at a time, and wait for the end. */
const bareLoop = `
import { spawn } from 'node:child_process';
import { once } from 'node:events';
const [count, parallel, program, ...args] = process.argv.slice(1);
let left = Number(count);
const work = async () => {
  while (left-- > 0) {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    child.stdout.resume();
    child.stderr.resume();
    const [code] = await once(child, 'close');
    if (code !== 0) process.exit(1);
  }
};
await Promise.all(Array.from({ length: Number(parallel) }, work));
`;

/** `ptb exec` over many tenants, beside a loop that starts the same program as often and does nothing else. */
export const exec: Bench = {
  name: 'exec',
  run: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bench-exec-'));
    const demo = await startDemo({ tenants, ...quiet });
    try {
      const env = {
        PATH: process.env['PATH'],
        HOME: folder,
        BROKER_URL: demo.url,
        PTB_TOKEN: await demo.callerToken(),
      };
      const reachable = await reachableTenants(demo);
      const bare: number[] = [];
      const ours: number[] = [];
      for (let pair = -1; pair < pairs; pair += 1) {
        const loop = ['--input-type=module', '--eval', bareLoop, String(reachable), String(parallel), ...program];
        const ofLoop = await seconds(loop, env);
        const ofExec = await seconds([ptbScript, 'exec', '--parallel', String(parallel), '--', ...program], env);
        if (pair < 0) continue;
        bare.push(ofLoop);
        ours.push(ofExec);
      }
      return resultOf(reachable, bare, ours);
    } finally {
      await demo.stop();
      await rm(folder, { recursive: true, force: true });
    }
  },
};

function resultOf(reachable: number, bare: readonly number[], ours: readonly number[]) {
  const ratios = figure(
    'ptb exec, of the loop',
    '',
    ours.map((value, at) => value / (bare[at] ?? Number.NaN)),
  );
  const added = figure(
    'ptb exec over the loop, for each tenant',
    'ms',
    ours.map((value, at) => ((value - (bare[at] ?? Number.NaN)) * 1000) / reachable),
  );
  return {
    title: 'A program per tenant',
    setting: `\`ptb exec\` over ${reachable} tenants, ${parallel} at a time, and a loop that starts the same program (it sleeps ${programMs} ms) as often.`,
    figures: [figure('loop', 's', bare), figure('ptb exec', 's', ours), ratios, added],
    unlisted: ['ptb exec,', 'ptb exec over'],
    goals: [
      { goal: 'at most 1.2 of the loop', reached: ratios.median <= 1.2, value: `${round(ratios.median)}` },
      { goal: 'at most 15 ms for each tenant', reached: added.median <= 15, value: `${round(added.median)} ms` },
    ],
  };
}

async function reachableTenants({ url, callerToken }: Demo): Promise<number> {
  const answer = await fetch(`${url}/api/tenants`, { headers: { authorization: `Bearer ${await callerToken()}` } });
  const { tenants: all } = (await answer.json()) as TenantsAnswer;
  return all.filter((tenant) => tenant.reachable).length;
}

/** Wall time of a process. @throws Error if it fails. */
async function seconds(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, args, { env, stdio: 'ignore' });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`The process ended with ${code}: ${args.at(-2)}`);
  return (performance.now() - startedMs) / 1000;
}
