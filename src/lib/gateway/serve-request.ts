import type { Allowed } from '../judge/verdict.ts';
import { callerIdOf } from '../model/caller.ts';
import { BrokerError, toBrokerError } from '../model/errors.ts';
import type { AccessToken, TokenRequest } from '../model/token.ts';
import { DeadlineError, withDeadline } from '../runtime/deadline.ts';
import { errorFields } from '../runtime/log.ts';
import { requestIdOf } from './answer-headers.ts';
import { type Authorization, authorize, factsOf, type KnownFacts } from './authorize.ts';
import type { GatewayDeps } from './gateway.ts';
import type { GatewayOrder } from './gateway-order.ts';
import type { JudgedPart } from './judge-graph.ts';
import { checkLookUps } from './look-ups.ts';
import { recordOf, type RequestFacts, type Sender, utiOf } from './request-records.ts';
import { type Answer, rewriteAnswer } from './rewrite-answer.ts';
import { grantOf } from './rule-grant.ts';
import { type Outgoing, sendUpstream, tokenRequestOf } from './send.ts';
import { sendBatch } from './send-batch.ts';
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
  try {
    authorization = await authorize(deps, order, sender.caller, facts);
  } catch (thrown) {
    await recordOf(deps, sender).denied(facts, thrown);
    throw thrown;
  }
  const { judged } = authorization;
  const common = { deps, sender, authorization, signal, gatewayUrl: order.gatewayUrl };
  if (judged.batch) return serveBatch(common, facts, judged.parts);
  const { verdict, cmdlet } = judged;
  return serveOne({ ...common, verdict, body: order.body }, requestFacts(facts, verdict, cmdlet));
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
async function serveOne(served: Served, facts: RequestFacts): Promise<Answer> {
  const { deps, sender, authorization, verdict, body } = served;
  const record = recordOf(deps, sender);
  const tokenRequest = tokenRequestOf(served, grantOf(authorization.rule));
  const rewriteLink = await linkWriter(served);
  try {
    const token = await usableToken(served, tokenRequest);
    await checkLookUps(served, tokenRequest);
    await record.sent(facts, token, body);
  } catch (thrown) {
    await record.denied(facts, thrown);
    throw thrown;
  }
  try {
    const { answer, token } = await sendUpstream(served, tokenRequest);
    const { status, headers } = answer;
    const requestId = requestIdOf(headers);
    const uti = utiOf(token);
    const outcome = {
      status,
      bytes: answer.body.length,
      ...(requestId === undefined ? {} : { requestId }),
      ...(uti === undefined ? {} : { uti }),
    };
    const rewritten = rewriteAnswer(answer, { limits: verdict.answer, rewriteLink });
    record.ended(facts, outcome);
    return rewritten;
  } catch (thrown) {
    record.ended(facts, { code: toBrokerError(thrown).code });
    throw thrown;
  }
}

function linkWriter({ deps, sender, authorization, gatewayUrl, verdict }: Served) {
  const { rule, tenantId, resource, baseUrl } = authorization;
  const owner = { rule: rule.name, caller: callerIdOf(sender.caller), tenantId, resource: resource.alias };
  return deps.links.writer(owner, { gatewayUrl, resourceUrl: baseUrl }, verdict.selected);
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
  const { deps, sender } = common;
  const refusals = parts.filter(({ verdict }) => !verdict.allowed);
  const refused = new BrokerError('caller_forbidden', 'A part of the batch was refused.');
  await Promise.all(refusals.map(() => recordOf(deps, sender).denied(facts, refused)));
  const json = await sendBatch(
    parts,
    async ({ verdict, body }) => {
      const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
      try {
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
