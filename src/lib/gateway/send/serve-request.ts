import type { Allowed } from '../../judge/verdict.ts';
import type { Approval } from '../../approvals/approval.ts';
import { conditionRefusal } from './condition-refusal.ts';
import { type ConditionOutcome, type EmergencyUse, meetCondition } from '../../approvals/meet-condition.ts';
import { pendingAnswer } from '../../approvals/pending-answer.ts';
import { callerIdOf } from '../../core/caller.ts';
import { BrokerError } from '../../core/errors.ts';
import type { AccessToken, TokenRequest } from '../../core/token.ts';
import { DeadlineError, withDeadline } from '../../core/deadline.ts';
import { errorFields, scrub } from '../../core/log.ts';
import { type Authorization, authorize, factsOf, type KnownFacts, readablePath, refusalError } from './authorize.ts';
import type { GatewayDeps } from '../gateway.ts';
import type { GatewayOrder } from './gateway-request.ts';
import type { JudgedPart } from './judge-graph.ts';
import { rootUrlOf } from './links.ts';
import { checkLookUps } from './look-ups.ts';
import { recordOf, type RequestFacts, type Sender } from './request-records.ts';
import { requestSubject } from './request-subject.ts';
import { type Answer, rewriteAnswer } from './rewrite-answer.ts';
import { grantOf } from './rule-grant.ts';
import { addressIn, type Outgoing, tokenRequestOf } from './send.ts';
import { sendBatch } from './send-batch.ts';
import { sendRecorded } from './send-recorded.ts';
import { maximumAnswerBytes } from './upstream.ts';

/** The whole time of a request, milliseconds: Graph's own gateway gives up after 100 s. */
const deadlineMs = 100_000;
/** Parts of a batch under way at the same time. */
const batchConcurrency = 4;

/**
 * Sends one request of a caller: find the tenant, apply the policy, judge, get the token, write the audit record, send. The
 * request leaves only after its record is durable. Refusals are recorded too; if that fails, the caller still receives the
 * original error.
 * @returns what the caller may see of the resource's answer. It never contains the token.
 * @throws BrokerError
 */
export async function serveRequest(deps: GatewayDeps, order: GatewayOrder, sender: Sender): Promise<Answer> {
  try {
    return await withDeadline(deps.clock, deadlineMs, (signal) => serve(deps, order, sender, signal));
  } catch (error) {
    if (!(error instanceof DeadlineError)) throw error;
    throw new BrokerError('resource_error', 'The resource did not answer in time.', { cause: error });
  }
}

async function serve(deps: GatewayDeps, order: GatewayOrder, sender: Sender, signal: AbortSignal): Promise<Answer> {
  const facts = factsOf(order);
  let authorization: Authorization;
  let condition: ConditionOutcome;
  try {
    authorization = await authorize(deps, order, sender.caller, facts);
    condition = await conditionOf(deps, order, sender, authorization);
  } catch (thrown) {
    await recordOf(deps, sender).denied(facts, thrown);
    throw thrown;
  }
  if ('pending' in condition) return pendingReply(condition.pending);
  const { judged } = authorization;
  const { met } = condition;
  Object.assign(facts, met.facts);
  const common = { deps, sender, authorization, signal, met, gatewayUrl: order.gatewayUrl };
  if (judged.batch) return serveBatch(common, facts, judged.parts);
  const { verdict, cmdlet } = judged;
  return serveOne({ ...common, verdict, body: order.body }, requestFacts(facts, verdict, cmdlet));
}

/** @throws BrokerError for a batch that needs an approval, for a run, and as {@link meetCondition} does. */
async function conditionOf(
  deps: GatewayDeps,
  { body, justification }: GatewayOrder,
  sender: Sender,
  authorization: Authorization,
): Promise<ConditionOutcome> {
  const refusal = sender.run === undefined ? undefined : conditionRefusal(authorization.rule);
  if (refusal !== undefined) throw refusal;
  const subject = () => requestSubject(authorization, body, sender.caller);
  const emergency = () => emergencyUse(authorization);
  return meetCondition(deps.approvals, authorization.rule, { subject, emergency }, { ...justification, ...sender });
}

function emergencyUse({ tenantId, resource, judged }: Authorization): EmergencyUse {
  const request = judged.batch
    ? `a batch of ${judged.parts.length} requests`
    : `${judged.verdict.request.method} ${judged.verdict.request.path}`;
  return { tenantId, resource: resource.alias, request };
}

function pendingReply(approval: Approval): Answer {
  const { status, headers, body } = pendingAnswer(approval);
  return {
    status,
    headers: { ...headers, 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(body)),
  };
}

interface Served extends Outgoing {
  readonly gatewayUrl: string;
}

/** What the record says about a judged request. */
function requestFacts(facts: KnownFacts, { request, permissions }: Allowed, cmdlet?: string): RequestFacts {
  const judged = { ...facts, method: request.method, path: request.path, scopes: permissions };
  return cmdlet === undefined ? judged : { ...judged, cmdlet };
}

/** Sends one judged request, with its records. @throws BrokerError */
function serveOne(served: Served, facts: RequestFacts): Promise<Answer> {
  const { authorization, verdict } = served;
  return sendRecorded(served, facts, async () => {
    const tokenRequest = tokenRequestOf(served, grantOf(authorization.rule));
    const rewriteLink = await linkWriter(served);
    const token = await usableToken(served, tokenRequest);
    await checkLookUps(served, facts, { tokenRequest, token });
    return { tokenRequest, token, read: (answer) => rewriteAnswer(answer, { limits: verdict.answer, rewriteLink }) };
  });
}

function linkWriter({ deps, sender, authorization, gatewayUrl, verdict }: Served) {
  const { rule, tenantId, resource, baseUrl } = authorization;
  const rootUrl = rootUrlOf(resource.alias, baseUrl, verdict.request.path);
  const owner = { rule: rule.name, caller: callerIdOf(sender.caller), tenantId, resource: resource.alias };
  const requestUrl = addressIn(baseUrl, verdict.request.url);
  return deps.links.writer(owner, { gatewayUrl, resourceUrl: baseUrl, rootUrl, requestUrl }, verdict.selected);
}

/** A token that was cached before a consent may lack what opens the request. It is replaced, at most every three minutes. */
async function usableToken({ deps, verdict }: Served, request: TokenRequest): Promise<AccessToken> {
  const token = await deps.tokens.getToken(request);
  const { permissions } = verdict;
  const lacksAll = permissions.length > 0 && !permissions.some((permission) => token.scopes.includes(permission));
  if (!token.fromCache || token.scopes.length === 0 || !lacksAll) return token;
  return (await deps.tokens.getNewerToken(request)) ?? token;
}

async function serveBatch(
  common: Omit<Served, 'verdict' | 'body'>,
  facts: KnownFacts,
  parts: readonly JudgedPart[],
): Promise<Answer> {
  const { sender } = common;
  const throttled = takeParts(common, parts);
  await Promise.all(parts.map((part) => recordRefused(common, facts, part, throttled.has(part.id))));
  const json = await sendBatch(
    parts,
    async ({ id, verdict, body }) => {
      try {
        const excess = throttled.get(id);
        if (excess !== undefined) throw excess;
        const bytes = body === undefined ? undefined : Buffer.from(body);
        return await serveOne({ ...common, verdict, body: bytes }, requestFacts(facts, verdict));
      } catch (thrown) {
        sender.log.log('warn', 'request.part_failed', errorFields(thrown));
        throw thrown;
      }
    },
    { concurrency: batchConcurrency, maximumBytes: maximumAnswerBytes },
  );
  return { status: 200, headers: { 'content-type': 'application/json' }, body: Buffer.from(json) };
}

/**
 * Counts each part as a request of the caller. The first was counted when the batch arrived.
 * @returns the failures of the parts above the limit, by id.
 */
function takeParts({ deps, sender }: Pick<Served, 'deps' | 'sender'>, parts: readonly JudgedPart[]) {
  const throttled = new Map<string, unknown>();
  for (const { id } of parts.slice(1)) {
    try {
      deps.callers.limit.take(sender.caller);
    } catch (thrown) {
      throttled.set(id, thrown);
    }
  }
  return throttled;
}

/** Records a part that no rule opens. Like every refusal, its record names no rule. Above the limit it is only logged. */
async function recordRefused(
  { deps, sender }: Pick<Served, 'deps' | 'sender'>,
  { rule: _rule, application: _application, grant: _grant, ...asked }: KnownFacts,
  { method, url, verdict }: JudgedPart,
  isThrottled: boolean,
): Promise<void> {
  if (verdict.allowed) return;
  const error = refusalError(verdict);
  sender.log.log('warn', 'request.part_failed', errorFields(error));
  if (isThrottled) return;
  // The text of the caller may contain anything, even a secret pasted by mistake.
  const { path: _path, ...facts } = { ...asked, method: scrub(method) };
  const path = readablePath({ resource: 'graph', url });
  await recordOf(deps, sender).denied(path === undefined ? facts : { ...facts, path }, error);
}
