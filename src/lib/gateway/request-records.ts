import { hash } from 'node:crypto';
import type { AuditEntry, AuditLog, GatewayRequestFields } from '../audit/audit-log.ts';
import type { Caller } from '../model/caller.ts';
import { type ErrorCode, toBrokerError } from '../model/errors.ts';
import type { AccessToken } from '../model/token.ts';
import { readClaims } from '../entra/token-claims.ts';
import type { Clock } from '../runtime/clock.ts';
import { errorFields, type Logger, scrub } from '../runtime/log.ts';

/** Who sends a request, and the log of that request. */
export interface Sender {
  readonly caller: Caller;
  readonly correlationId: string;
  readonly log: Logger;
}

/** What is known about a request before it leaves. */
export type RequestFacts = Pick<
  AuditEntry,
  'rule' | 'tenantId' | 'tenantAsked' | 'resource' | 'scopes' | 'grant' | 'application' | 'method' | 'path' | 'cmdlet'
>;

export interface RequestRecordsDeps {
  readonly audit: Pick<AuditLog, 'record'>;
  readonly clock: Clock;
  readonly newId: () => string;
  /** Starts work that no request waits for. */
  readonly background: (work: () => void) => void;
  readonly callers: {
    /** Throws for a caller whose refusals fill the audit log. They are still logged and answered. */
    readonly refusalRecords: { take(caller: Caller): void };
  };
}

/** The audit entries of one gateway request. */
export interface RequestRecord {
  /**
   * Records that the request is refused, unless the caller has been refused too often. The refusal stands even if this
   * fails, which is logged.
   */
  denied(facts: RequestFacts, thrown: unknown): Promise<void>;
  /**
   * Records the request. It may leave only after that.
   * @throws BrokerError audit_unavailable
   */
  sent(facts: RequestFacts, token: AccessToken, body: Uint8Array | undefined): Promise<void>;
  /** Records the outcome of a sent request. Nobody waits for it: the request has left, and its first entry is durable. */
  ended(facts: RequestFacts, outcome: RequestOutcome): void;
}

/** What became of a sent request. */
export type RequestOutcome = Pick<GatewayRequestFields, 'status' | 'requestId' | 'bytes' | 'uti'> & {
  /** Why the caller did not get the answer of the resource. */
  readonly code?: ErrorCode;
};

/** The id of a token in the logs of its tenant. */
export const utiOf = ({ secret }: AccessToken): string | undefined => readClaims(secret.reveal()).tokenIdentifier;

export function recordOf(deps: RequestRecordsDeps, { caller, correlationId, log }: Sender): RequestRecord {
  const tokenId = deps.newId();
  const { applicationId, objectId, kind } = caller;
  const write = (facts: RequestFacts, more: Pick<AuditEntry, 'outcome'> & Partial<AuditEntry>): Promise<void> => {
    const { path, ...others } = facts;
    return deps.audit.record({
      ...defined(others),
      scopes: facts.scopes,
      // A path may contain anything, even a secret pasted by mistake.
      ...(path === undefined ? {} : { path: scrub(path) }),
      ...defined(more),
      kind: 'request',
      atMs: deps.clock.nowMs(),
      correlationId,
      tokenId,
      outcome: more.outcome,
      caller: { applicationId, objectId, kind },
    });
  };
  return {
    denied: async (facts, thrown) => {
      try {
        deps.callers.refusalRecords.take(caller);
      } catch {
        return;
      }
      await write(facts, { outcome: 'denied', code: toBrokerError(thrown).code }).catch((failure: unknown) =>
        log.log('error', 'audit.denial_not_recorded', errorFields(failure)),
      );
    },
    sent: (facts, token, body) =>
      write(facts, {
        outcome: 'sent',
        fromCache: token.fromCache,
        expiresAtMs: token.expiresAtMs,
        tokenFingerprint: token.secret.fingerprint(),
        uti: utiOf(token),
        bodySha256: body === undefined ? undefined : hash('sha256', body, 'hex'),
      } as Pick<AuditEntry, 'outcome'>),
    ended: (facts, outcome) =>
      deps.background(() => {
        write(facts, { ...outcome, outcome: outcome.code === undefined ? 'answered' : 'failed' }).catch(
          (failure: unknown) => log.log('error', 'audit.outcome_not_recorded', errorFields(failure)),
        );
      }),
  };
}

const defined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as T;
