import { requestLimitOf, type Rule } from '../access/policy/policy.ts';
import { unconditional } from '../approvals/meet-condition.ts';
import { BrokerError } from '../core/errors.ts';
import { scrubReply } from '../core/log.ts';
import { asObject, defined, objectOf, textOf } from '../core/objects.ts';
import { parseJson, retryAfterSeconds } from '../core/outbound.ts';
import type { GatewayDeps } from '../gateway/gateway.ts';
import { refusalError, ruleJudge, withoutLinks } from '../gateway/send/authorize.ts';
import { targetGuard } from '../gateway/send/protected-targets.ts';
import type { Sender } from '../gateway/send/request-records.ts';
import type { Answer as HttpAnswer } from '../gateway/send/rewrite-answer.ts';
import { requestFacts, sendJudged } from '../gateway/send/serve-request.ts';
import type { Outgoing } from '../gateway/send/send.ts';
import type { Job } from '../runs/job/job.ts';
import type { ApplyRequest, PlannedTenant } from '../runs/store/run.ts';
import type { Change } from './change.ts';
import { type ChangeRequest, idIn } from './kinds.ts';
import type { Answer } from './life.ts';

/** What a change is sent for. */
export interface Sending {
  readonly gateway: GatewayDeps;
  readonly sender: Sender;
  /** The rule of the policy that lets the sender apply the plan. */
  readonly rule: Rule;
  readonly job: Pick<Job, 'permissions' | 'application'>;
  readonly apply: ApplyRequest;
  readonly tenant: PlannedTenant;
  readonly signal: AbortSignal;
}

/** The rule as if it opened this request alone, with the permissions of the job. So the judge holds the change to both. */
function narrowed({ rule, job }: Sending, { method, path, cmdlet }: ChangeRequest): Rule {
  const cmdlets = cmdlet && { [cmdlet.name]: cmdlet.parameters };
  const requests = requestLimitOf(cmdlet === undefined ? { methods: [method], paths: [path] } : { cmdlets });
  return {
    ...rule,
    requests,
    scopes: job.permissions ?? [],
    application: job.application,
    grants: new Set(['delegated']),
  };
}

/** Exchange judges a cmdlet by the roles of the account; the application needs this permission. */
const exchangePermission = 'Exchange.Manage';

/**
 * Sends one change, once, with its records, as the gateway sends a request of a caller.
 * @param claim as of an approval: asked right before the request leaves, and told what became of it.
 * @returns what Microsoft answered.
 * @throws BrokerError if the request may not be sent, or no answer came.
 */
export async function sendChange(
  sending: Sending,
  request: ChangeRequest,
  claim: Outgoing['met']['claim'],
): Promise<HttpAnswer> {
  const { gateway, sender, apply, tenant, signal } = sending;
  const { tenantId } = tenant;
  const rule = narrowed(sending, request);
  if (request.resource === 'exchange' && !(sending.job.permissions ?? []).includes(exchangePermission))
    throw new BrokerError('caller_forbidden', `The job does not declare the permission ${exchangePermission}.`);
  if (request.resource === 'exchange' && rule.protect !== undefined)
    throw new BrokerError(
      'caller_forbidden',
      'The rule protects users, and a cmdlet does not show whom it changes. Apply the plan under a rule that protects nobody.',
    );
  const resource = gateway.resources.get(request.resource);
  const baseUrl = gateway.addressOf(resource);
  if (baseUrl === undefined) throw new BrokerError('internal', `The resource ${resource.alias} has no address.`);
  const body = request.body && Buffer.from(JSON.stringify(request.body));
  const gatewayUrl = `https://gateway.invalid/api/gateway/${tenantId}/${resource.alias}`;
  const received = {
    tenant: tenantId,
    resource: resource.alias,
    method: request.method,
    url: request.path,
    headers: defined({
      'content-type': body && 'application/json',
      'if-match': request.ifMatch,
    }),
    body,
    gatewayUrl,
    justification: {},
  };
  const judge = ruleJudge(
    {
      map: request.resource === 'graph' ? await gateway.permissionMap() : undefined,
      graphHost: gateway.graphHost,
      readLink: withoutLinks,
    },
    received,
    { alias: resource.alias, baseUrl, tenantId },
  );
  const judged = await judge(rule);
  if ('allowed' in judged) throw refusalError(judged);
  if (judged.batch) throw new BrokerError('internal', 'A change is no batch.');
  const { verdict } = judged;
  const authorization = { rule, tenantId, tenantName: tenant.name, resource, baseUrl, judged };
  const met = { ...unconditional.met, claim };
  const guard = targetGuard({ deps: gateway, sender, authorization, signal });
  const facts = defined({
    rule: rule.name,
    tenantId,
    resource: resource.alias,
    application: rule.application,
    grant: 'delegated' as const,
    plan: apply.digest,
    changeSha256: request.sha256,
    approvalId: apply.approvalId,
    scopes: [],
  });
  return sendJudged(
    { deps: gateway, sender, authorization, signal, met, guard, gatewayUrl, verdict, body },
    requestFacts(facts, judged),
  );
}

/** Seconds to wait if Microsoft does not say. */
const shortestWait = 10;
/** Words with which Graph says that an object of the request does not exist (yet), and its code for a new named location. */
const missingWords = /does not exist|not found|could not be found|ResourceNotFound|\b1040\b/i;

/**
 * What an answer says about a change.
 * @param given.isBrought whether it concerns an object that was created or restored just before.
 * @param given.isCompared whether it named the version that it changes.
 */
export function answerOf(
  { action }: Change,
  { status, headers, body }: HttpAnswer,
  given: { readonly isBrought: boolean; readonly isCompared: boolean; readonly nowMs: number },
): Answer {
  const reply = asObject(parseJson(Buffer.from(body).toString('utf8')));
  if (status >= 200 && status <= 299)
    return { kind: 'accepted', ...defined({ createdId: idIn(reply) }), confirmable: action !== 'act' };
  if (status === 429)
    return { kind: 'wait', seconds: retryAfterSeconds(new Headers(headers), given.nowMs) ?? shortestWait };
  if (status >= 500 || status === 408) return { kind: 'unknown' };
  const error = objectOf(reply, 'error');
  const message = `${textOf(error, 'code') ?? ''} ${textOf(error, 'message') ?? ''}`.trim();
  const detail = `Microsoft refused it with ${status}. ${scrubReply(message, 300)}`.trim();
  if (action === 'add-reference' && status === 400 && /already exist/i.test(message)) return { kind: 'already' };
  if ((action === 'remove' || action === 'remove-reference') && status === 404) return { kind: 'already' };
  if (status === 412 || (status === 409 && given.isCompared))
    return { kind: 'drifted', detail: 'The object was changed at the same time.' };
  if (given.isBrought && (status === 404 || (status === 400 && missingWords.test(message))))
    return { kind: 'missing', detail };
  return { kind: 'refused', detail };
}
