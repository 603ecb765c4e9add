import { randomUUID } from 'node:crypto';
import type { HttpHandler, HttpRequest, InvocationContext } from '@azure/functions';
import type { Caller, CallerRole, CallerVerifier } from '../model/caller.ts';
import { BrokerError, toBrokerError } from '../model/errors.ts';
import { parseGuid } from '../model/identifiers.ts';
import { errorFields, type Logger } from '../runtime/log.ts';
import { type Answer, problemAnswer } from './problem.ts';

/** What the pipeline itself needs of the services. */
export interface PipelineServices {
  readonly callers: CallerVerifier;
  readonly log: Logger;
  readonly callerLimit: { take(applicationId: string): void };
}

/** One request that has passed the gate. */
export interface Call {
  readonly request: HttpRequest;
  readonly caller: Caller;
  readonly correlationId: string;
  readonly log: Logger;
}

/** One request to a route that needs no caller. */
type AnonymousCall = Omit<Call, 'caller'> & {
  /** The caller when a valid token came with the request. */
  readonly caller: Caller | undefined;
};

/** One request to a route that works without services too, whatever the settings say. */
type OpenCall = Omit<Call, 'caller'>;

export type OpenHandler = (call: OpenCall) => Promise<Answer>;
export type Handler<S> = (services: S, call: Call) => Promise<Answer>;
export type AnonymousHandler<S> = (services: S, call: AnonymousCall) => Promise<Answer>;

/** How the pipeline gets its services, and how it ties log lines to the invocation: both from the composition root. */
export interface PipelineHost<S> {
  services(): Promise<S>;
  withInvocation<T>(context: InvocationContext, work: () => Promise<T>): Promise<T>;
  /** For every line; also before there are services. */
  readonly log: Logger;
}

/**
 * The gate in front of every route: correlation id, services (503 `config_invalid` without them), caller, role,
 * rate limit; then the handler; and any throw becomes problem+json. Returns the three ways to make a route; `open` is
 * for what is no secret and must be there while settings are wrong: pages and documentation.
 */
export function createPipeline<S extends PipelineServices>(
  host: PipelineHost<S>,
): {
  guarded: (role: CallerRole, handler: Handler<S>) => HttpHandler;
  anonymous: (handler: AnonymousHandler<S>) => HttpHandler;
  open: (handler: OpenHandler) => HttpHandler;
} {
  const open = (work: OpenHandler): HttpHandler => {
    return (request, context) =>
      host.withInvocation(context, async () => {
        const correlationId = parseGuid(request.headers.get('x-correlation-id')) ?? randomUUID();
        const log = host.log.child({ correlationId, route: context.functionName });
        let answer: Answer;
        try {
          answer = await work({ request, correlationId, log });
        } catch (thrown) {
          const error = toBrokerError(thrown);
          log.log(error.code === 'internal' ? 'error' : 'warn', 'request.failed', errorFields(thrown));
          answer = problemAnswer(error, correlationId);
        }
        return sent(answer, correlationId);
      });
  };
  const serve = (work: (services: S, call: OpenCall) => Promise<Answer>): HttpHandler =>
    open(async (call) => work(await host.services(), call));
  return {
    open,
    guarded: (role, handler) =>
      serve(async (services, call) => {
        const caller = await services.callers.verify(call.request.headers.get('authorization'));
        services.callerLimit.take(caller.applicationId);
        if (!caller.roles.includes(role)) {
          throw new BrokerError('caller_forbidden', `The caller lacks the app role ${role}.`, {
            logFields: { caller: caller.applicationId },
          });
        }
        return handler(services, { ...call, caller, log: call.log.child({ caller: caller.applicationId }) });
      }),
    anonymous: (handler) =>
      serve(async (services, call) => {
        const authorization = call.request.headers.get('authorization');
        const caller = authorization === null ? undefined : await services.callers.verify(authorization);
        return handler(services, { ...call, caller });
      }),
  };
}

/**
 * What the library gets. JSON as text: given as `jsonBody` it would become the same, with a second copy of all headers,
 * which takes a tenth of the time that a token from memory takes.
 */
function sent({ status, headers, body, jsonBody }: Answer, correlationId: string): Answer {
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
