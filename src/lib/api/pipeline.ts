import { randomUUID } from 'node:crypto';
import type { HttpRequest, InvocationContext } from '@azure/functions';
import type { AuditLog } from '../audit/audit-log.ts';
import { type Caller, type CallerRole, type CallerVerifier, identityOf } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import { BrokerError, type ErrorCode, toBrokerError } from '../core/errors.ts';
import { parseGuid } from '../core/identifiers.ts';
import { errorFields, type Logger } from '../core/log.ts';
import type { AppMetrics } from '../core/metrics.ts';
import type { Orchestrations } from '../core/orchestrations.ts';
import type { BoundRoute } from './call.ts';
import { type Answer, isOpen, problemAnswer, type RouteContract } from './route.ts';

/** What {@link recordRefusals} needs. */
export interface RefusalDeps {
  readonly audit: Pick<AuditLog, 'record'>;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly callers: {
    /** Throws for a caller whose refusals fill the audit log. They are still logged and answered. */
    readonly refusalRecords: { take(caller: Caller): void };
  };
}

/** A request of a verified caller. */
interface RefusedRequest {
  readonly route: RouteContract;
  /** The method of the request: a route may serve several. */
  readonly method: string;
  readonly caller: Caller;
  readonly correlationId: string;
  readonly log: Logger;
}

/** Refusals of a request before its handler runs. */
const earlyRefusals: readonly ErrorCode[] = ['caller_forbidden', 'request_invalid', 'request_too_large'];
/** Refusals by a handler. Its other failures concern what was requested, and not who requested it. */
const handlerRefusals: readonly ErrorCode[] = ['caller_forbidden', 'decision_refused'];

/**
 * Does `work`, and records a failure with one of the codes in the audit log. The failure is thrown even if its record
 * cannot be written, after up to 3 s: a refusal must not depend on storage.
 * @throws what `work` throws.
 */
export async function recordRefusals<T>(
  deps: RefusalDeps,
  request: RefusedRequest,
  codes: readonly ErrorCode[],
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof BrokerError && codes.includes(thrown.code)) await record(deps, request, thrown.code);
    throw thrown;
  }
}

async function record(
  deps: RefusalDeps,
  { route, method, caller, correlationId, log }: RefusedRequest,
  code: ErrorCode,
) {
  try {
    deps.callers.refusalRecords.take(caller);
  } catch {
    return;
  }
  await deps.audit
    .record({
      atMs: deps.clock.nowMs(),
      correlationId,
      tokenId: deps.newId(),
      outcome: 'denied',
      code,
      caller: identityOf(caller),
      route: `${method} ${route.path}`,
      scopes: [],
    })
    .catch((failure: unknown) => log.log('error', 'audit.denial_not_recorded', errorFields(failure)));
}

/** The services that the pipeline itself uses. */
export interface PipelineServices extends RefusalDeps {
  readonly callers: RefusalDeps['callers'] & CallerVerifier & { readonly limit: { take(caller: Caller): void } };
}

/** The parts of the composition root that the pipeline uses. */
interface PipelineHost<S> {
  /** @throws BrokerError config_invalid while the settings are wrong. */
  services(): Promise<S>;
  /** Ties the log lines of `work` to the invocation. */
  withInvocation<T>(context: InvocationContext, work: () => Promise<T>): Promise<T>;
  /** Works without services too. */
  readonly log: Logger;
  readonly metrics: Pick<AppMetrics, 'httpRequests'>;
}

/** Serves one invocation of an HTTP function. */
type Serve = (request: HttpRequest, context: InvocationContext, orchestrations?: Orchestrations) => Promise<Answer>;

/** A request with its correlation id, before anything is known about its caller. */
interface Received {
  readonly request: HttpRequest;
  readonly correlationId: string;
  readonly log: Logger;
  readonly orchestrations?: Orchestrations;
}

/**
 * Everything between the Functions host and a handler: correlation id, services, caller, rate limit, role. A thrown
 * value becomes application/problem+json.
 */
export const createPipeline =
  <S extends PipelineServices>(host: PipelineHost<S>) =>
  (route: BoundRoute<S>): Serve =>
  (request, context, orchestrations) =>
    host.withInvocation(context, async () => {
      const correlationId = parseGuid(request.headers.get('x-correlation-id')) ?? randomUUID();
      const log = host.log.child({ correlationId, route: context.functionName });
      const received = { request, correlationId, log, ...(orchestrations === undefined ? {} : { orchestrations }) };
      const answer = await answered(host, route, received);
      host.metrics.httpRequests.add(route.definition.name, String(answer.status));
      return answer;
    });

async function answered<S extends PipelineServices>(
  host: PipelineHost<S>,
  route: BoundRoute<S>,
  received: Received,
): Promise<Answer> {
  try {
    return finish(await admit(host, route, received), received.correlationId);
  } catch (thrown) {
    return finish(
      challenged(route, received.request, failed(thrown, received, route.definition.problemsLikeGraph)),
      received.correlationId,
    );
  }
}

/** Logs a failure and turns it into a problem. Never throws, whatever was thrown. */
function failed(thrown: unknown, { correlationId, log }: Received, likeGraph = false): Answer {
  try {
    const error = toBrokerError(thrown);
    log.log(error.code === 'internal' ? 'error' : 'warn', 'request.failed', errorFields(thrown));
    return problemAnswer(error, correlationId, { likeGraph });
  } catch {
    const detail = 'The failure could not be read or logged.';
    return problemAnswer(new BrokerError('internal', detail), correlationId, { likeGraph });
  }
}

/** Replaces the challenge of a 401, if the route has another one. */
function challenged({ definition }: BoundRoute<never>, { url }: HttpRequest, answer: Answer): Answer {
  if (answer.status !== 401 || definition.challenge === undefined) return answer;
  return { ...answer, headers: { ...answer.headers, 'www-authenticate': definition.challenge(url) } };
}

async function admit<S extends PipelineServices>(
  host: PipelineHost<S>,
  route: BoundRoute<S>,
  received: Received,
): Promise<Answer> {
  const { access, misconfigured, refusesWebPages } = route.definition;
  if (refusesWebPages && received.request.headers.has('origin'))
    throw new BrokerError('caller_forbidden', 'Web pages may not use this address: the request has the header Origin.');
  if (access === 'anonymous') return route.answer(undefined, { ...received, caller: undefined });
  let services: S;
  try {
    services = await host.services();
  } catch (thrown) {
    if (misconfigured === undefined || !(thrown instanceof BrokerError) || thrown.code !== 'config_invalid')
      throw thrown;
    return misconfigured(thrown);
  }
  const authorization = received.request.headers.get('authorization');
  if (access === 'optional') {
    const caller = authorization === null ? undefined : await services.callers.verify(authorization);
    return route.answer(services, { ...received, caller });
  }
  // Requests that are refused here are not recorded, because anyone can send any number of them.
  const caller = await services.callers.verify(authorization);
  services.callers.limit.take(caller);
  return answerCaller(services, route, {
    ...received,
    caller,
    log: received.log.child({ caller: caller.applicationId }),
  });
}

/**
 * Checks the role, parses the request and calls the handler. Refusals are recorded in the audit log.
 * @throws BrokerError
 */
export async function answerCaller<S extends PipelineServices>(
  services: S,
  route: BoundRoute<S>,
  admitted: Received & { readonly caller: Caller },
): Promise<Answer> {
  const { definition } = route;
  const { access } = definition;
  const request = { ...admitted, route: definition, method: admitted.request.method };
  const handle = await recordRefusals(services, request, earlyRefusals, async () => {
    if (!isOpen(access)) requireRole(admitted.caller, [access].flat());
    return route.prepare(services, admitted);
  });
  return definition.recordsRefusals ? handle() : recordRefusals(services, request, handlerRefusals, handle);
}

/** @throws BrokerError caller_forbidden */
function requireRole(caller: Caller, roles: readonly CallerRole[]): void {
  if (roles.some((role) => caller.roles.includes(role))) return;
  throw new BrokerError('caller_forbidden', `The caller lacks the app role ${roles.join(' or ')}.`, {
    lacks: 'role',
    logFields: { caller: caller.applicationId },
  });
}

/**
 * Adds the common headers, and makes JSON of `jsonBody`.
 */
function finish({ status, headers, body, jsonBody }: Answer, correlationId: string): Answer {
  const isJson = jsonBody !== undefined && jsonBody !== null;
  const text = isJson ? JSON.stringify(jsonBody) : body;
  return {
    status,
    headers: {
      'x-content-type-options': 'nosniff',
      ...(isJson ? { 'content-type': 'application/json' } : {}),
      ...headers,
      'x-correlation-id': correlationId,
    },
    ...(text === undefined ? {} : { body: text }),
  };
}
