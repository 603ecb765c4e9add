import { setTimeout as sleep } from 'node:timers/promises';
import type { ApprovalAnswer, ApprovalsAnswer } from '../../../src/lib/api/answers/approvals.ts';

/** What a caller saw of one request that needed an approval. */
export interface Asked {
  readonly number: number;
  readonly kind: 'change' | 'reading';
  readonly approvalId: string;
  /** How often the caller received an answer of the resource. */
  readonly answered: number;
  /** The last refusal, and when it came. */
  readonly refusal: string;
  readonly refusedAtMs: number;
}

/** Where the broker is now, and who calls it. */
export interface Callers {
  /** The address of the host that runs. It may be killed at any time. */
  readonly url: () => string;
  readonly tenantId: string;
  /** Tokens of the callers who ask in turn: each may ask a hundred times an hour. */
  readonly askers: readonly string[];
  /** Tokens of the people who decide in turn. */
  readonly deciders: readonly string[];
}

/** Sends a request until a host answers: what was in flight when a host died is sent again, as people and scripts do. */
async function persistent(
  url: () => string,
  path: string,
  init: RequestInit,
): Promise<Response & { text: () => Promise<string> }> {
  for (;;) {
    try {
      const response = await fetch(`${url()}/api${path}`, init);
      const text = await response.text();
      // While a host starts or ends, it cannot be used yet. The limit of a caller is for a minute.
      if (response.status !== 503 && response.status !== 429)
        return Object.assign(response, { text: () => Promise.resolve(text) });
    } catch {
      // The host was killed.
    }
    await sleep(100);
  }
}

const json = { 'content-type': 'application/json' };

const kindOf = (number: number): Asked['kind'] => (number % 2 === 0 ? 'change' : 'reading');

/** Asks, and lets a person approve. @returns the id of the approval. */
export async function ask(callers: Callers, number: number): Promise<string> {
  const send = () => sendOnce(callers, number, kindOf(number));
  let first = await send();
  while (first.approvalId === undefined) first = await send();
  const { approvalId } = first;
  const token = callers.deciders[number % callers.deciders.length] ?? '';
  await approve(callers, approvalId, token);
  return approvalId;
}

/** Longer than a change whose host died is said to be under way. */
const longestUseMs = 8 * 60_000;

/** Sends an approved request twice at the same time, and again until it is refused for good. */
export async function use(callers: Callers, number: number, approvalId: string): Promise<Asked> {
  const kind = kindOf(number);
  const send = () => sendOnce(callers, number, kind);
  const outcomes: Sent[] = [];
  const untilMs = Date.now() + longestUseMs;
  do {
    outcomes.push(...(await Promise.all([send(), send()])));
    if (kind === 'reading' || isUnderWay(outcomes.at(-1))) await sleep(15_000);
  } while (!isEnded(outcomes.at(-1)) && Date.now() < untilMs);
  const refusal = outcomes.findLast((outcome) => outcome.refusal !== undefined)?.refusal ?? 'never refused';
  const refusedAtMs = Date.now();
  return {
    number,
    kind,
    approvalId,
    answered: outcomes.filter(({ isAnswered }) => isAnswered).length,
    refusal,
    refusedAtMs,
  };
}

const isUnderWay = (sent: Sent | undefined): boolean => sent?.refusal?.includes('has been on its way') === true;

const isEnded = (sent: Sent | undefined): boolean =>
  sent?.refusal?.includes('approval_ended') === true && !isUnderWay(sent);

interface Sent {
  readonly approvalId?: string;
  readonly isAnswered?: true;
  readonly refusal?: string;
}

async function sendOnce({ url, tenantId, askers }: Callers, number: number, kind: Asked['kind']): Promise<Sent> {
  const response = await persistent(url, `/gateway/${tenantId}/graph/v1.0/users/${kind}-${number}`, {
    method: kind === 'change' ? 'PATCH' : 'GET',
    headers: { ...json, authorization: `Bearer ${askers[number % askers.length] ?? ''}` },
    ...(kind === 'change' ? { body: JSON.stringify({ accountEnabled: false }) } : {}),
  });
  const approvalId = response.headers.get('x-approval-id');
  if (approvalId !== null) return { approvalId };
  if (response.headers.get('content-type')?.startsWith('application/problem+json') !== true)
    return { isAnswered: true };
  return { refusal: await response.text() };
}

/** A decision whose answer was lost may be on record: then it is refused, and the approval is approved. */
async function approve({ url }: Callers, approvalId: string, token: string): Promise<void> {
  const headers = { ...json, authorization: `Bearer ${token}` };
  const body = JSON.stringify({ decision: 'approve', reason: 'Agreed with the customer.' });
  for (;;) {
    await persistent(url, `/approvals/${approvalId}/decision`, { method: 'POST', headers, body });
    const { status, decisions } = await show(url, approvalId, token);
    if (status !== 'pending' && decisions.length === 1) return;
    if (status !== 'pending') throw new Error(`${approvalId} is ${status} after ${decisions.length} decisions`);
  }
}

async function show(url: () => string, approvalId: string, token: string): Promise<ApprovalAnswer> {
  const response = await persistent(url, `/approvals/${approvalId}`, { headers: { authorization: `Bearer ${token}` } });
  if (response.status !== 200) throw new Error(`${approvalId}: ${response.status} ${await response.text()}`);
  return JSON.parse(await response.text()) as ApprovalAnswer;
}

/** All approvals as a decider sees them, by id. */
export async function listAll({
  url,
  deciders,
}: Callers): Promise<ReadonlyMap<string, ApprovalsAnswer['approvals'][number]>> {
  const headers = { authorization: `Bearer ${deciders[0]}` };
  const found = new Map<string, ApprovalsAnswer['approvals'][number]>();
  let continuation: string | undefined;
  do {
    const more = continuation === undefined ? '' : `&continuation=${continuation}`;
    const response = await persistent(url, `/approvals?limit=500${more}`, { headers });
    const page = JSON.parse(await response.text()) as ApprovalsAnswer;
    for (const approval of page.approvals) found.set(approval.id, approval);
    ({ continuation } = page);
  } while (continuation !== undefined);
  return found;
}
