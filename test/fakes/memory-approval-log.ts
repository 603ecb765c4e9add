import { type Approval, askerKeyOf, rowKeyOf } from '../../src/lib/approvals/approval.ts';
import { BrokerError } from '../../src/lib/core/errors.ts';
import { approvalRow, readApproval } from '../../src/lib/approvals/approval-entity.ts';
import type {
  ApprovalLog,
  ApprovalPage,
  ApprovalQuery,
  Creation,
  StoredApproval,
} from '../../src/lib/approvals/approval-log.ts';

/** Approvals in memory, with the versions of a table. Rows pass through the format of storage. */
export class MemoryApprovalLog implements ApprovalLog {
  readonly rows = new Map<string, { approval: Approval; version: number }>();
  readonly #latest = new Map<string, string>();
  /** Called before each write, for what happens in between. */
  beforeWrite: () => Promise<void> = () => Promise.resolve();
  /** Set to make every call fail. */
  failure: Error | undefined;

  async find(id: string): Promise<StoredApproval | undefined> {
    if (this.failure !== undefined) throw this.failure;
    const row = this.rows.get(id);
    return row && { approval: row.approval, version: String(row.version) };
  }

  async current(digest: string): Promise<StoredApproval | undefined> {
    return this.find(this.#latest.get(digest) ?? '');
  }

  async create(
    approval: Approval,
    replaces: string | undefined,
    maxOpen: number,
    maxHourly: number,
  ): Promise<Creation> {
    await this.beforeWrite();
    if (this.failure !== undefined) throw this.failure;
    const latest = this.rows.get(this.#latest.get(approval.subject.digest) ?? '')?.approval.id;
    if (latest === approval.id) return 'created';
    if (latest !== undefined && latest !== replaces) return 'outrun';
    const own = [...this.rows.values()].filter(
      ({ approval: other }) => askerKeyOf(other.asker) === askerKeyOf(approval.asker),
    );
    const hourOf = (ms: number): number => Math.floor(ms / 3_600_000);
    const now = hourOf(approval.askedAtMs);
    if (own.filter(({ approval: other }) => hourOf(other.askedAtMs) === now).length >= maxHourly) return 'often';
    const open = own.filter(
      ({ approval: other }) => other.status === 'pending' && other.expiresAtMs > approval.askedAtMs,
    );
    if (open.length >= maxOpen) return 'full';
    this.#latest.set(approval.subject.digest, approval.id);
    this.rows.set(approval.id, { approval: stored(approval), version: 1 });
    return 'created';
  }

  async change(approval: Approval, version: string): Promise<boolean> {
    await this.beforeWrite();
    if (this.failure !== undefined) throw this.failure;
    const row = this.rows.get(approval.id);
    if (row === undefined || String(row.version) !== version) return false;
    this.rows.set(approval.id, { approval: stored(approval), version: row.version + 1 });
    return true;
  }

  async list({ statuses, askerKey, tenantIds, sinceMs, limit, after }: ApprovalQuery): Promise<ApprovalPage> {
    if (this.failure !== undefined) throw this.failure;
    if (after !== undefined && rowKeyOf(after) === undefined)
      throw new BrokerError('request_invalid', 'The continuation is not valid.');
    const matching = [...this.rows.values()]
      .map(({ approval, version }) => ({ approval, version: String(version) }))
      .toSorted((a, b) => (a.approval.id < b.approval.id ? 1 : -1))
      .filter(
        ({ approval }) =>
          (statuses === undefined || statuses.includes(approval.status)) &&
          (askerKey === undefined || askerKeyOf(approval.asker) === askerKey) &&
          (tenantIds === undefined || tenantIds.has(approval.subject.tenantId)) &&
          (sinceMs === undefined || approval.askedAtMs >= sinceMs) &&
          (after === undefined || approval.id < after),
      );
    const approvals = matching.slice(0, limit);
    const continuation = matching.length > limit ? approvals.at(-1)?.approval.id : undefined;
    return { approvals, ...(continuation === undefined ? {} : { continuation }) };
  }

  async *unsettled(sinceMs: number): AsyncGenerator<StoredApproval, void, undefined> {
    for (const { approval, version } of this.rows.values())
      if (!approval.endRecorded && approval.askedAtMs >= sinceMs) yield { approval, version: String(version) };
  }

  async purge(beforeMs: number): Promise<number> {
    let deleted = 0;
    for (const [id, { approval }] of this.rows) {
      if (approval.askedAtMs >= beforeMs) continue;
      this.rows.delete(id);
      if (this.#latest.get(approval.subject.digest) === id) this.#latest.delete(approval.subject.digest);
      deleted += 1;
    }
    return deleted;
  }
}

const stored = (approval: Approval): Approval => readApproval(JSON.parse(JSON.stringify(approvalRow(approval))));
