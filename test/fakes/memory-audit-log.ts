import { BrokerError } from '../../src/lib/core/errors.ts';
import type { AuditEntry, AuditLog, AuditPage, AuditQuery } from '../../src/lib/audit/audit-log.ts';

/** An audit log in memory. test/support/audit-log-contract.ts runs against it and the real one. */
export class MemoryAuditLog implements AuditLog {
  readonly entries: AuditEntry[] = [];
  /** While true every call fails. */
  down = false;

  async record(entry: AuditEntry): Promise<void> {
    if (this.down) throw new BrokerError('audit_unavailable', 'The audit record could not be written.');
    this.entries.push(structuredClone(entry));
  }

  async query({ fromMs, toMs, limit, continuation = '0', ...filter }: AuditQuery): Promise<AuditPage> {
    if (this.down) throw new BrokerError('storage_unavailable', 'The audit log could not be read.');
    if (!/^\d{1,9}$/.test(continuation)) throw new BrokerError('request_invalid', 'The continuation is not valid.');
    const { caller, tenantId, tenantIds, outcome, kind } = filter;
    const found = this.entries
      .filter(({ atMs }) => atMs >= fromMs && atMs < toMs)
      .filter((entry) => caller === undefined || entry.caller.applicationId === caller)
      .filter((entry) => tenantId === undefined || entry.tenantId === tenantId)
      .filter((entry) => tenantIds === undefined || (entry.tenantId !== undefined && tenantIds.has(entry.tenantId)))
      .filter((entry) => outcome === undefined || entry.outcome === outcome)
      .filter((entry) => kind === undefined || (entry.kind ?? 'token') === kind)
      .toSorted((one, other) => other.atMs - one.atMs);
    const start = Number(continuation);
    const end = start + limit;
    const entries = found.slice(start, end);
    return end < found.length ? { entries, continuation: `${end}` } : { entries };
  }

  async purge(beforeMs: number): Promise<number> {
    if (this.down) throw new BrokerError('storage_unavailable', 'Old audit records could not be deleted.');
    const kept = this.entries.filter(({ atMs }) => atMs >= beforeMs);
    const removed = this.entries.length - kept.length;
    this.entries.splice(0, this.entries.length, ...kept);
    return removed;
  }
}
