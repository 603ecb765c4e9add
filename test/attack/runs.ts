import { setTimeout as delay } from 'node:timers/promises';
import type { Answered } from './ask.ts';
import { attacker } from './forge.ts';
import type { Host, Stage } from './stage.ts';

export interface EndedRun {
  readonly status: string;
  readonly failures: readonly { readonly tenantId: string; readonly code: string }[];
  readonly stoppedBy?: { readonly code: string };
  readonly tenants: Readonly<Record<'total' | 'succeeded' | 'failed' | 'skipped' | 'notAttempted', number>>;
}

const longestRunMs = 120_000;

/** Starts a run of a job that needs a token of Graph. */
export const startRun = (
  host: Host,
  { forge }: Stage,
  order: { readonly tenants: readonly string[]; readonly window: string },
  application = attacker,
): Promise<Answered> =>
  host.ask({
    method: 'POST',
    path: '/api/jobs/licence-report/runs',
    body: order,
    headers: { authorization: forge.bearer({ application }) },
  });

/** Reads a run until `is` holds. @throws Error after two minutes. */
export async function runWhen(
  host: Host,
  { forge }: Stage,
  runId: string,
  is: (run: EndedRun) => boolean,
  application = attacker,
): Promise<EndedRun> {
  const request = {
    path: `/api/runs/${encodeURIComponent(runId)}`,
    headers: { authorization: forge.bearer({ application }) },
  };
  const deadline = Date.now() + longestRunMs;
  let last = '';
  while (Date.now() < deadline) {
    const { status, body, text } = await host.ask(request);
    last = text;
    if (status === 200 && is(body as unknown as EndedRun)) return body as unknown as EndedRun;
    await delay(200);
  }
  throw new Error(`the run ${runId} is never as expected: ${last.slice(0, 500)}`);
}

/** Waits until a run has ended. */
export const ended = (host: Host, stage: Stage, runId: string, application?: string): Promise<EndedRun> =>
  runWhen(host, stage, runId, ({ status }) => status !== 'pending' && status !== 'running', application);

/** Tenants for which Entra has issued a delegated token since the ledger was reset. */
export const tokensIssuedFor = ({ cloud }: Stage): readonly string[] =>
  cloud.ledger
    .read()
    .requests.filter(({ service, path, status }) => service === 'entra' && path.endsWith('/token') && status === 200)
    .map(({ tenantId }) => tenantId ?? '');
