import { setTimeout as sleep } from 'node:timers/promises';
import { changeTenant, readRows } from 'microsoft-cloud/client';
import type { PlanAnswer, PlansAnswer } from '../../../src/lib/api/answers/plans.ts';
import { buildChangedApp, type ChangedApp, editSources, type SourceEdit, withJob } from '../../support/tuned-app.ts';
import { noApp } from '../../support/watched-demo.ts';
import { type RunStack, startRunStack } from '../runs/run-stack.ts';
import { paths } from './three-changes.ts';

/** Seven minutes, in which a change decides about itself, would be too many for a campaign. */
const shorterWaits: readonly SourceEdit[] = [
  { file: 'src/lib/changes/life.ts', from: 'const second = 1_000;', to: 'const second = 100;' },
  {
    file: 'src/lib/changes/judge-wave.ts',
    from: 'const looksAfterMinutes = [15, 60];',
    to: 'const looksAfterMinutes = [0.5, 1];',
  },
];

export type Answer = Readonly<Record<string, unknown>>;

/** Customers in which the job can make its changes, and the requests of the application that does it. */
export interface ChangeFleet {
  readonly stack: RunStack;
  readonly app: ChangedApp;
  readonly control: string;
  readonly tenants: readonly string[];
  /** Calls the app as an application, again and again until one of its hosts answers. */
  ask(method: 'GET' | 'POST', path: string, body?: unknown): Promise<Answer>;
  /** The rows of a run, of all pages. */
  rowsOf(runId: string): Promise<readonly Answer[]>;
  /** Where the next request goes. */
  turnTo(url: string): void;
  /** Waits until a run is no longer under way. @param onPlan is told each state. */
  ended(
    planId: string,
    of: 'plan' | 'apply',
    onPlan?: (plan: PlansAnswer['plans'][number]) => Promise<unknown>,
  ): Promise<PlanAnswer>;
  stop(): Promise<void>;
}

/** Conditional Access takes Microsoft Entra ID P1, which two in five simulated customers lack. */
const share = 2;
const roles = ['Privileged Role Administrator', 'Conditional Access Administrator'];

const rowsPerPage = 1_000;

export async function startChangeFleet(count: number): Promise<ChangeFleet> {
  const app = await buildChangedApp(editSources([withJob('../../test/e2e/changes/three-changes.ts'), ...shorterWaits]));
  const stack = await startRunStack(count * share, {}, { startApp: noApp, plain: true });
  const { control, tenants: all } = stack.demo.cloud;
  const tenants: string[] = [];
  for (const { tenantId } of all) {
    if (tenants.length === count) break;
    const { subscribedSkus } = await readRows(control, tenantId, ['subscribedSkus']);
    if (!JSON.stringify(subscribedSkus).includes('"AAD_PREMIUM')) continue;
    await changeTenant(control, tenantId, { moreRoles: roles });
    tenants.push(tenantId);
  }
  if (tenants.length < count) throw new Error('too few simulated customers have Microsoft Entra ID P1');
  let url = '';
  const send = async (method: string, path: string, body?: unknown): Promise<string> => {
    for (;;) {
      try {
        const response = await fetch(`${url}/api${path}`, {
          method,
          headers: { authorization: `Bearer ${await stack.demo.callerToken()}`, 'content-type': 'application/json' },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        const text = await response.text();
        if (response.ok) return text;
        // Storage and the directory of the tenants may be busy. Nothing else is expected.
        if (response.status !== 503) throw new RangeError(`${method} ${path}: ${response.status} ${text}`);
      } catch (error) {
        // The host was killed.
        if (error instanceof RangeError) throw error;
      }
      await sleep(200);
    }
  };
  const ask = async (...given: Parameters<typeof send>): Promise<Answer> => JSON.parse(await send(...given)) as Answer;
  return {
    stack,
    app,
    control,
    tenants,
    ask,
    rowsOf: async (runId) => {
      const all: Answer[] = [];
      let page = '';
      for (;;) {
        const answer = await ask('GET', `/runs/${encodeURIComponent(runId)}/results?limit=${rowsPerPage}${page}`);
        all.push(...(answer['rows'] as readonly Answer[]));
        const { continuation } = answer;
        if (typeof continuation !== 'string') return all;
        page = `&continuation=${encodeURIComponent(continuation)}`;
      }
    },
    turnTo: (next) => {
      url = next;
    },
    ended: async (planId, of, onPlan) => {
      for (;;) {
        // The list has no rows, which would cost the app more than the changes.
        const { plans } = (await ask('GET', '/plans?limit=5')) as unknown as PlansAnswer;
        const plan = plans.find((each) => each.planId === planId);
        const status = of === 'plan' ? plan?.status : plan?.apply?.status;
        if (status !== undefined && status !== 'pending' && status !== 'running')
          return (await ask('GET', `/plans/${encodeURIComponent(planId)}`)) as unknown as PlanAnswer;
        if (plan !== undefined) await onPlan?.(plan);
        await sleep(2_000);
      }
    },
    stop: async () => {
      await stack.stop();
      await app.remove();
    },
  };
}

type Rows = readonly Answer[];

/** What the job changes in a tenant, as the cloud has it. */
export async function stateOf(
  control: string,
  tenantId: string,
): Promise<{ consent: Answer; locations: Rows; policies: Rows }> {
  const sets = [paths.consent, paths.locations, paths.policies].map((path) => path.slice(1));
  const rows = await readRows(control, tenantId, sets);
  const [consent, locations, policies] = sets.map((path) => rows[path] ?? []);
  return { consent: consent?.[0] ?? {}, locations: locations ?? [], policies: policies ?? [] };
}
