/**
 * `npm run test:stress [-- VITEST_ARGUMENT …]`: runs all tests three times in random order, while every core is busy with
 * something else. A test that depends on speed or on the order of the files fails. Exit code 1 if a run fails.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from './paths.ts';

const runs = 3;

/** Keeps a core busy until its standard input ends, which happens even if this process is killed. */
const busyLoop = `
  process.stdin.on('end', () => process.exit()).resume();
  const spin = () => {
    const until = performance.now() + 50;
    while (performance.now() < until);
    setImmediate(spin);
  };
  spin();
`;

const busy = Array.from(
  { length: availableParallelism() },
  (): ChildProcess => spawn(process.execPath, ['--eval', busyLoop], { stdio: ['pipe', 'ignore', 'inherit'] }),
);
const vitest = join(projectRoot, 'node_modules/vitest/vitest.mjs');
const failed: number[] = [];
try {
  for (let run = 1; run <= runs; run += 1) {
    // The same seed gives the same order.
    const seed = Math.floor(Math.random() * 1_000_000);
    console.log(`Run ${run} of ${runs}: ${busy.length} busy processes, --sequence.seed ${seed}`);
    const child = spawn(process.execPath, [vitest, 'run', '--sequence.seed', String(seed), ...process.argv.slice(2)], {
      cwd: projectRoot,
      env: { ...process.env, TEST_ORDER: 'random' },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const [code] = (await once(child, 'exit')) as [number | null];
    const idle = busy.filter(({ exitCode, signalCode }) => exitCode !== null || signalCode !== null).length;
    if (idle > 0) throw new Error(`${idle} busy processes ended early, so the run proves nothing`);
    if (code !== 0) failed.push(run);
  }
} finally {
  for (const child of busy) child.stdin?.end();
}
console.log(failed.length === 0 ? `All ${runs} runs passed.` : `Failed: run ${failed.join(', ')} of ${runs}.`);
process.exitCode = failed.length === 0 ? 0 : 1;
