import type { AuditLog } from '../audit/audit-log.ts';
import type { Caller } from '../core/caller.ts';
import { BrokerError, type ErrorCode } from '../core/errors.ts';
import type { Clock } from '../core/clock.ts';
import { errorFields, type Logger } from '../core/log.ts';
import type { RouteContract } from './route.ts';

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
export const earlyRefusals: readonly ErrorCode[] = ['caller_forbidden', 'request_invalid', 'request_too_large'];
/** Refusals by a handler. Its other failures concern what was requested, and not who requested it. */
export const handlerRefusals: readonly ErrorCode[] = ['caller_forbidden'];

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
  const { applicationId, objectId, kind } = caller;
  await deps.audit
    .record({
      atMs: deps.clock.nowMs(),
      correlationId,
      tokenId: deps.newId(),
      outcome: 'denied',
      code,
      caller: { applicationId, objectId, kind },
      route: `${method} ${route.path}`,
      scopes: [],
    })
    .catch((failure: unknown) => log.log('error', 'audit.denial_not_recorded', errorFields(failure)));
}
