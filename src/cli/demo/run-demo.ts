import { setTimeout as delay } from 'node:timers/promises';
import type { RunAnswer } from '../../lib/api/answers/runs.ts';
import type { HealthView } from './api.ts';
import { isEnded } from '../../lib/runs/store/run.ts';
import type { Demo } from './start-demo.ts';

/** Checks which tenants can be reached, then reports their licences. */
const demoJobs = ['access-check', 'licence-report'] as const;

export interface DemoSummary {
  readonly runs: readonly RunAnswer[];
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
  update(run: RunAnswer): void;
  /** Shows a sentence above the progress. */
  note(text: string): void;
  done(run: RunAnswer): void;
}

/** Runs the jobs one after another over all tenants. */
export async function runDemoJobs(demo: Demo, progress: RunProgress, signal: AbortSignal): Promise<DemoSummary> {
  const runs: RunAnswer[] = [];
  for (const job of demoJobs) {
    const runId = await demo.api.startRun(job);
    let run = await demo.api.run(runId);
    const standstill = explainStandstill(demo, progress);
    while (!isEnded(run.status)) {
      progress.update(run);
      await standstill(run);
      await Promise.race([delay(pollMs, undefined, { signal }), demo.broken]);
      run = await demo.api.run(runId);
    }
    progress.done(run);
    runs.push(run);
  }
  const { tokens } = await demo.api.health();
  return { runs, tokens: tokens ?? { issued: 0, fromCache: 0 }, upstream: await upstreamOf(demo) };
}

/** Time without a change after which the demo says what the run waits for. */
const standstillMs = 5_000;

/** Returns a function that takes each state of a run. When it does not change, it shows what health says is wrong. */
function explainStandstill({ api }: Demo, progress: RunProgress): (run: RunAnswer) => Promise<void> {
  const shown = new Set<string>();
  let last = '';
  let sinceMs = Date.now();
  return async ({ job, outcome, progress: { done, retrying } }) => {
    const state = `${outcome} ${done} ${retrying}`;
    if (state !== last) {
      last = state;
      sinceMs = Date.now();
    } else if (Date.now() - sinceMs >= standstillMs) {
      // Reads health once per interval.
      sinceMs = Date.now();
      for (const problem of problemsIn(await api.health())) {
        if (!shown.has(problem)) progress.note(`${job} waits: ${problem}`);
        shown.add(problem);
      }
    }
  };
}

/** What is wrong according to a health report, most specific first. */
const problemsIn = ({ applications = [], keyVault, storage, policy }: HealthView): string[] => [
  ...applications.flatMap(({ findings }) =>
    findings.flatMap(({ severity, message }) => (severity === 'down' ? [message] : [])),
  ),
  ...[keyVault, storage, policy].flatMap((part) => part?.problem ?? []),
];

/** Reads the counts from the ledger of the simulated cloud, which is independent of the broker. */
async function upstreamOf(demo: Demo): Promise<DemoSummary['upstream']> {
  const response = await fetch(`${demo.cloud.control}/ledger`);
  const { totals } = (await response.json()) as { totals: DemoSummary['upstream'] };
  const { entraTokenRequests, keyVaultReads, graphRequests, throttled } = totals;
  return { entraTokenRequests, keyVaultReads, graphRequests, throttled };
}
