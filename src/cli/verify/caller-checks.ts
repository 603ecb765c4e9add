import { adviceForError, isErrorCode, isLack } from '../../lib/core/errors.ts';
import type { Clock } from '../../lib/core/clock.ts';
import { asObject } from '../../lib/core/objects.ts';
import { type Finding, findingsFrom } from './finding.ts';
import type { Probe, ProbeAnswer } from './probe.ts';

export interface CallerOptions {
  /** A caller's access token for the broker. Absent: checks that need one are skipped. */
  readonly token: string | undefined;
  /** A tenant for which the policy allows this caller a token. */
  readonly tenant: string | undefined;
  readonly resource: string;
  readonly clock: Clock;
}

const { passed, skipped, failed } = findingsFrom('broker');

export const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

export const describe = ({ method, path, status, failure }: ProbeAnswer): string =>
  `${method} ${path}: ${status === 0 ? `no answer (${failure ?? 'unknown'})` : `HTTP ${status}`}`;

export const noToken = 'needs a token in PTB_TOKEN, or --client-id';

/** Which options a check that asks for a tenant's token lacks. */
export function missingOptions({ token, tenant }: Pick<CallerOptions, 'token' | 'tenant'>): string | undefined {
  if (token === undefined) return tenant === undefined ? `${noToken}, and --tenant` : noToken;
  return tenant === undefined ? 'needs --tenant' : undefined;
}

/** A failure of the broker with its code, and the advice for the operator. */
export function failedAnswer(check: string, answer: ProbeAnswer): Finding {
  const { code, detail, advice, lacks } = answer.json;
  const reason = [code, detail].filter((part) => typeof part === 'string').join(', ');
  const known = isErrorCode(code)
    ? adviceForError({ code, lacks: isLack(lacks) ? lacks : undefined }, 'operator')
    : advice;
  return failed(check, `${describe(answer)} ${reason}`, typeof known === 'string' ? known : 'Run `ptb doctor`.');
}

/** The customer has consented to the application: the token carries scopes. */
export function consent(
  answer: ProbeAnswer,
  { tenant, resource }: { readonly tenant: string; readonly resource: string },
): Finding {
  const { code, scopes } = answer.json;
  if (answer.status !== 200) {
    if (code === 'consent_required') return failedAnswer('consent', answer);
    return skipped('consent', `no token: ${describe(answer)}${typeof code === 'string' ? ` ${code}` : ''}`);
  }
  const granted = Array.isArray(scopes) ? scopes.map(String) : [];
  if (granted.length === 0) {
    const fix = `Consent with \`ptb tenants consent --tenant ${tenant}\`.`;
    return failed('consent', `the token of ${tenant} for ${resource} carries no scope`, fix);
  }
  const more = granted.length > 3 ? ` and ${granted.length - 3} more` : '';
  return passed('consent', `${tenant} has consented to ${granted.slice(0, 3).join(', ')}${more}`);
}

/** The job that the run check starts. It reads, and changes nothing. */
const job = 'access-check';
const runPatienceMs = 300_000;
const pollMs = 3_000;

/** One run of a job over one tenant ends well. */
export async function run(probe: Probe, options: CallerOptions): Promise<Finding> {
  const missing = missingOptions(options);
  if (missing !== undefined) return skipped('run', missing);
  const { token = '', tenant = '', clock } = options;
  const headers = bearer(token);
  const started = await probe.ask('POST', `/api/jobs/${job}/runs`, { headers, body: { tenants: [tenant] } });
  const { runId, code } = started.json;
  if (code === 'caller_forbidden') return skipped('run', 'needs the app role Runs.Write');
  if (code === 'job_unknown') return skipped('run', `this app has no job ${job}`);
  if (started.status !== 202 || typeof runId !== 'string') return failedAnswer('run', started);
  const untilMs = clock.nowMs() + runPatienceMs;
  for (;;) {
    const answer = await probe.ask('GET', `/api/runs/${encodeURIComponent(runId)}`, { headers });
    if (answer.json['code'] === 'caller_forbidden') return skipped('run', 'needs the app role Runs.Read');
    const { status } = answer.json;
    if (answer.status === 200 && status !== 'pending' && status !== 'running') return judgeRun(runId, answer);
    if (clock.nowMs() >= untilMs) {
      const state = answer.status === 200 ? `still ${String(status)}` : describe(answer);
      return failed(
        'run',
        `${runId} is ${state} after five minutes`,
        `Look at \`ptb runs show ${runId}\`. If it stays pending, the platform starts no orchestration: check host.json and the storage account's roles.`,
      );
    }
    await clock.sleep(pollMs);
  }
}

function judgeRun(runId: string, { json }: ProbeAnswer): Finding {
  const { status, tenants, durationMs } = json;
  const counts = asObject(tenants);
  if (status === 'completed' && counts['succeeded'] === 1) {
    return passed('run', `${runId} completed in ${(Number(durationMs) / 1000).toFixed(1)} s`);
  }
  return failed(
    'run',
    `${runId} is ${String(status)} without a success`,
    `\`ptb runs show ${runId}\` names the reason.`,
  );
}
