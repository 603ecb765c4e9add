import { BrokerError } from '../core/errors.ts';
import type { Clock } from '../core/clock.ts';
import type { AppMetrics } from '../core/metrics.ts';
import type { AuditEntry, AuditLog } from './audit-log.ts';

/** What {@link measuredAuditLog} needs. */
interface MeasureDeps {
  readonly metrics: AppMetrics;
  readonly clock: Clock;
  /** Aliases of the configured resources. Other names come from callers, and are counted as one. */
  readonly aliases: ReadonlySet<string>;
}

/** An audit log that counts tokens and requests by their outcome, and how long each record takes. */
export function measuredAuditLog(log: AuditLog, deps: MeasureDeps): AuditLog {
  const { metrics, clock } = deps;
  return {
    record: async (entry, options) => {
      const startedAtMs = clock.nowMs();
      const observe = (outcome: string): void =>
        metrics.auditWrites.observe(Math.max(0, clock.nowMs() - startedAtMs) / 1000, outcome);
      try {
        await log.record(entry, options);
      } catch (thrown) {
        observe(thrown instanceof BrokerError ? thrown.code : 'internal');
        throw thrown;
      }
      observe('ok');
      count(deps, entry);
    },
    query: (query) => log.query(query),
    purge: (beforeMs) => log.purge(beforeMs),
  };
}

function count({ metrics, aliases }: MeasureDeps, { kind, outcome, resource = '', code }: AuditEntry): void {
  const alias = aliases.has(resource) ? resource : '';
  if (kind === undefined) metrics.tokens.add(outcome, alias, code ?? '');
  if (kind === 'request') metrics.gatewayRequests.add(outcome, alias, code ?? '');
}
