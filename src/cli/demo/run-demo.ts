import { setTimeout as delay } from 'node:timers/promises';
import type { RunView } from './api.ts';
import type { Demo } from './start-demo.ts';

/** Checks which tenants can be reached, then reports their licences. */
const demoJobs = ['access-check', 'licence-report'] as const;

export interface DemoSummary {
  readonly runs: readonly RunView[];
  readonly tokens: { readonly issued: number; readonly fromCache: number };
  readonly upstream: {
    readonly entraTokenRequests: number;
    readonly keyVaultReads: number;
    readonly graphRequests: number;
    readonly throttled: number;
  };
}

const pollMs = 200;

/** Receives the progress of a run. */
interface RunProgress {
  update(run: RunView): void;
  done(run: RunView): void;
}

/** Runs the jobs one after another over all tenants. */
export async function runDemoJobs(demo: Demo, progress: RunProgress, signal: AbortSignal): Promise<DemoSummary> {
  const runs: RunView[] = [];
  for (const job of demoJobs) {
    const runId = await demo.api.startRun(job);
    let run = await demo.api.run(runId);
    while (run.status === 'pending' || run.status === 'running') {
      progress.update(run);
      await Promise.race([delay(pollMs, undefined, { signal }), demo.broken]);
      run = await demo.api.run(runId);
    }
    progress.done(run);
    runs.push(run);
  }
  const { tokens } = await demo.api.health();
  return { runs, tokens: tokens ?? { issued: 0, fromCache: 0 }, upstream: await upstreamOf(demo) };
}

/** Reads the counts from the ledger of the simulated cloud, which is independent of the broker. */
async function upstreamOf(demo: Demo): Promise<DemoSummary['upstream']> {
  const response = await fetch(`${demo.cloud.control}/ledger`);
  const { totals } = (await response.json()) as { totals: DemoSummary['upstream'] };
  const { entraTokenRequests, keyVaultReads, graphRequests, throttled } = totals;
  return { entraTokenRequests, keyVaultReads, graphRequests, throttled };
}
