import { hash } from 'node:crypto';
import type { AuditEntry, AuditLog } from '../../audit/audit-log.ts';
import type { AwaitedBy } from '../../core/rows/group-commit.ts';
import type { MetCondition } from '../../approvals/meet-condition.ts';
import type { ApprovalRequester } from '../../approvals/approval-log.ts';
import { type Caller, identityOf } from '../../core/caller.ts';
import { type ErrorCode, toBrokerError } from '../../core/errors.ts';
import { defined } from '../../core/objects.ts';
import type { AccessToken } from '../../core/secrets.ts';
import { turnFor } from '../../core/turns.ts';
import type { RequestNames } from '../../judge/request-names.ts';
import { utiOf } from '../../microsoft/token-reply.ts';
import type { Clock } from '../../core/clock.ts';
import { errorFields, scrub } from '../../core/log.ts';

/** Who sends a request, and the log of that request. */
export interface Sender extends ApprovalRequester {
  /** Id of the run that the request belongs to. Nobody waits in a run, so no rule with a condition serves the request. */
  readonly run?: string;
}

/** What is known about a request before it leaves. */
export type RequestFacts = Pick<
  AuditEntry,
  | 'rule'
  | 'tenantId'
  | 'tenantAsked'
  | 'resource'
  | 'scopes'
  | 'grant'
  | 'application'
  | 'method'
  | 'path'
  | 'template'
  | 'query'
  | 'bodyNames'
  | 'cmdlet'
  | 'plan'
  | 'changeSha256'
> &
  MetCondition['facts'];

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
export type RequestOutcome = Pick<AuditEntry, 'status' | 'requestId' | 'bytes' | 'uti'> & {
  /** Why the caller did not get the answer of the resource. */
  readonly code?: ErrorCode;
};

export function recordOf(deps: RequestRecordsDeps, { caller, correlationId, log, run }: Sender): RequestRecord {
  const common = {
    kind: 'request',
    correlationId,
    tokenId: deps.newId(),
    caller: identityOf(caller),
    roles: caller.roles,
    ...defined({ run }),
  } as const;
  const sender: AwaitedBy = run === undefined ? 'caller' : 'job';
  const write = (facts: RequestFacts, more: Happened, awaitedBy: AwaitedBy = sender): Promise<void> =>
    deps.audit.record({ ...entryOf(facts, more), ...common, atMs: deps.clock.nowMs() }, { awaitedBy });
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
    sent: async (facts, token, body) => {
      // Only bodies of callers are long enough to need a turn: those of runs are limited to 64 Ki characters.
      if (body !== undefined) await turnFor(body, 'caller');
      await write(facts, {
        outcome: 'sent',
        fromCache: token.fromCache,
        expiresAtMs: token.expiresAtMs,
        tokenFingerprint: token.secret.fingerprint(),
        uti: utiOf(token),
        bodySha256: body === undefined ? undefined : hash('sha256', body, 'hex'),
      } as Happened);
    },
    ended: (facts, outcome) =>
      deps.background(() => {
        const happened = { ...outcome, outcome: outcome.code === undefined ? 'answered' : 'failed' } as const;
        write(facts, happened, 'nobody').catch((failure: unknown) =>
          log.log('error', 'audit.outcome_not_recorded', errorFields(failure)),
        );
      }),
  };
}

type Happened = Pick<AuditEntry, 'outcome'> & Partial<AuditEntry>;

const entryOf = (facts: RequestFacts, happened: Happened): RequestFacts & Happened => ({
  ...defined(facts),
  ...scrubbedNames(facts),
  ...defined(happened),
});

/** What a record says about a request. A path may contain anything, even a secret pasted by mistake, and so may names. */
export function scrubbedNames({
  path,
  template,
  query,
  bodyNames,
}: Partial<RequestNames> & { readonly path?: string }) {
  const texts = { path: path && scrub(path), template: template && scrub(template), query: query && scrub(query) };
  return defined({ ...texts, bodyNames: bodyNames?.map(scrub) });
}
