import { grantOf } from '../../access/policy/policy.ts';
import {
  type ConditionOutcome,
  type EmergencyUse,
  meetCondition,
  pendingAnswer,
  type RuleCondition,
} from '../../approvals/meet-condition.ts';
import { callerIdOf } from '../../core/caller.ts';
import { DeadlineError, withDeadline } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import { inTurns } from '../../core/turns.ts';
import { errorFields, scrub } from '../../core/log.ts';
import { defined, isObject } from '../../core/objects.ts';
import { parseJson } from '../../core/outbound.ts';
import type { AccessToken, TokenRequest } from '../../core/secrets.ts';
import type { JudgedPart } from '../../judge/batch.ts';
import { namesOf } from '../../judge/request-names.ts';
import type { Allowed } from '../../judge/verdict.ts';
import type { GatewayDeps } from '../gateway.ts';
import { type Authorization, authorize, factsOf, type KnownFacts, readablePath, refusalError } from './authorize.ts';
import {
  type CallerRequest,
  type HostReading,
  justificationOf,
  callerHeaders,
  readAddress,
} from './gateway-request.ts';
import { rootUrlOf } from './links.ts';
import { lookUp, type TargetGuard, targetGuard } from './protected-targets.ts';
import { recordOf, type RequestFacts, type Sender } from './request-records.ts';
import { requestSubject } from './request-subject.ts';
import { type Answer, rewriteAnswer } from './rewrite-answer.ts';
import { sendBatch } from './send-batch.ts';
import { addressIn, type Outgoing, sendRecorded, tokenRequestOf, workFor } from './send.ts';
import { maximumAnswerBytes } from './upstream.ts';

/** Why a rule serves no request of a run. Undefined: it has no condition. */
export function conditionRefusal({ name, approval, breakGlass }: RuleCondition): BrokerError | undefined {
  if (approval === undefined && !breakGlass) return undefined;
  const condition = breakGlass ? 'is for emergencies' : 'needs an approval';
  return new BrokerError(
    'caller_forbidden',
    `Only the rule "${name}" opens the request, and it ${condition}, which a query cannot wait for or declare. Send the request to each tenant by itself: \`ptb request\`.`,
  );
}

/**
 * Looks at the objects whose properties decide whether the request may be sent.
 * @param facts What the record of the request says.
 * @throws BrokerError caller_forbidden if a condition does not hold; resource_error if that is unknown.
 */
async function checkLookUps(outgoing: Outgoing, facts: RequestFacts): Promise<void> {
  for (const { url } of outgoing.verdict.lookUps) {
    const { status, body } = await lookUp(outgoing, facts, url);
    // The same answer as for a group to which roles can be assigned: the caller may not read which ids exist.
    if (status === 404) throw notChangeable();
    const group = status === 200 ? parseJson(Buffer.from(body).toString('utf8')) : undefined;
    if (!isObject(group))
      throw new BrokerError(
        'resource_error',
        'Microsoft Graph did not say whether roles can be assigned to the group, so the request was not sent.',
      );
    // Graph leaves the property out, or answers null, for a group to which no directory role can be assigned.
    if ((group['isAssignableToRole'] ?? false) !== false) throw notChangeable();
  }
}

const notChangeable = (): BrokerError =>
  new BrokerError(
    'caller_forbidden',
    'The group does not exist, or directory roles can be assigned to it; a rule needs RoleManagement.ReadWrite.Directory to change such a group.',
    { lacks: 'request' },
  );

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
export async function serveRequest(deps: GatewayDeps, request: CallerRequest, sender: Sender): Promise<Answer> {
  try {
    return await withDeadline(deps.clock, deadlineMs, (signal) => serve(deps, request, sender, signal));
  } catch (error) {
    if (!(error instanceof DeadlineError)) throw error;
    throw new BrokerError('resource_error', 'The resource did not answer in time.', { cause: error });
  }
}

async function serve(deps: GatewayDeps, request: CallerRequest, sender: Sender, signal: AbortSignal): Promise<Answer> {
  const facts = factsOf(request);
  let authorization: Authorization;
  let condition: ConditionOutcome;
  let guard: TargetGuard;
  try {
    authorization = await authorize(deps, request, sender.caller, facts);
    const { judged } = authorization;
    guard = targetGuard({ deps, sender, authorization, signal });
    // Before people are asked to approve what is not sent. The parts of a batch are refused one by one.
    if (!judged.batch) await guard(judged.verdict, requestFacts(facts, judged));
    condition = await conditionOf(deps, request, sender, authorization);
  } catch (thrown) {
    await recordOf(deps, sender).denied(facts, thrown);
    throw thrown;
  }
  if ('pending' in condition) {
    const { status, headers, body } = pendingAnswer(condition.pending);
    const json = { ...headers, 'content-type': 'application/json' };
    return { status, headers: json, body: Buffer.from(JSON.stringify(body)) };
  }
  const { judged } = authorization;
  const { met } = condition;
  Object.assign(facts, met.facts);
  const common = { deps, sender, authorization, signal, met, guard, gatewayUrl: request.gatewayUrl };
  if (judged.batch) return serveBatch(common, facts, judged.parts);
  const { verdict } = judged;
  return sendJudged({ ...common, verdict, body: request.body }, requestFacts(facts, judged));
}

/** @throws BrokerError for a batch that needs an approval, for a run, and as {@link meetCondition} does. */
async function conditionOf(
  deps: GatewayDeps,
  { body, justification }: CallerRequest,
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

export interface Served extends Outgoing {
  readonly verdict: Allowed;
  readonly gatewayUrl: string;
  readonly guard: TargetGuard;
}

/** What the record says about a judged request. */
export function requestFacts(
  facts: KnownFacts,
  { verdict, cmdlet, names }: Pick<SingleRequest, 'verdict' | 'names'> & Partial<SingleRequest>,
): RequestFacts {
  const { method, path } = verdict.request;
  return { ...facts, method, path, ...names, scopes: verdict.permissions, ...defined({ cmdlet }) };
}

type SingleRequest = Extract<Authorization['judged'], { batch: false }>;

/** Sends one judged request, with its records. @throws BrokerError */
export function sendJudged(served: Served, facts: RequestFacts): Promise<Answer> {
  const { authorization, verdict } = served;
  return sendRecorded(served, facts, async () => {
    const tokenRequest = tokenRequestOf(served, grantOf(authorization.rule));
    const rewriteLink = await linkWriter(served);
    const token = await usableToken(served, tokenRequest);
    await served.guard(verdict, facts);
    // The guard has looked at the group already.
    if (authorization.rule.protect?.administrators !== true) await checkLookUps(served, facts);
    const rules = { limits: verdict.answer, rewriteLink };
    return { tokenRequest, token, read: (answer) => inTurns(rewriteAnswer(answer, rules), workFor(served.sender)) };
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
  const { deps, sender } = common;
  const throttled = takeParts(common, parts);
  const map = await deps.permissionMap();
  const names = new Map(parts.map((part) => [part.id, namesOf(part.reading, map)]));
  await Promise.all(
    parts.map((part) => recordRefused(common, { ...facts, ...names.get(part.id) }, part, throttled.has(part.id))),
  );
  const json = await sendBatch(
    parts,
    async ({ id, verdict, body }) => {
      try {
        const excess = throttled.get(id);
        if (excess !== undefined) throw excess;
        const bytes = body === undefined ? undefined : Buffer.from(body);
        return await sendJudged(
          { ...common, verdict, body: bytes },
          requestFacts(facts, { verdict, names: names.get(id) ?? {} }),
        );
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
  { rule: _rule, application: _application, grant: _grant, ...requested }: KnownFacts,
  { method, url, verdict }: JudgedPart,
  isThrottled: boolean,
): Promise<void> {
  if (verdict.allowed) return;
  const error = refusalError(verdict);
  sender.log.log('warn', 'request.part_failed', errorFields(error));
  if (isThrottled) return;
  // The text of the caller may contain anything, even a secret pasted by mistake.
  const { path: _path, ...facts } = { ...requested, method: scrub(method) };
  const path = readablePath({ resource: 'graph', url });
  await recordOf(deps, sender).denied({ ...facts, ...defined({ path }) }, error);
}

/** A request as the Functions host hands it over. */
export interface ReceivedRequest {
  readonly method: string;
  /** The whole address. */
  readonly url: string;
  readonly headers: Iterable<readonly [string, string]>;
  /** Undefined without a body. */
  readonly body: Uint8Array | undefined;
  readonly route: HostReading;
  /** Whether the host asks for a function key. */
  readonly takesKeys: boolean;
}

/**
 * Reads a request and serves it. One that cannot be read is recorded like every other refusal.
 * @throws BrokerError
 */
export async function receiveRequest(deps: GatewayDeps, received: ReceivedRequest, sender: Sender): Promise<Answer> {
  let request: CallerRequest;
  try {
    const { method, url, body, route, takesKeys } = received;
    const headers = callerHeaders(received.headers);
    if ((headers['content-encoding'] ?? 'identity') !== 'identity')
      throw new BrokerError('request_invalid', 'The body has a content coding; send it without one.');
    const justification = justificationOf(Object.fromEntries(received.headers));
    request = { ...readAddress(url, route, takesKeys), method, headers, body, justification };
  } catch (thrown) {
    const { method, route } = received;
    const facts = { tenantAsked: scrub(route.tenant), resource: route.resource, method, scopes: [] };
    await recordOf(deps, sender).denied(facts, thrown);
    throw thrown;
  }
  return serveRequest(deps, request, sender);
}
