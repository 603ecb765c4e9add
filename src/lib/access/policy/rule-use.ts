import { createHash } from 'node:crypto';
import type { TableClient } from '@azure/data-tables';
import type { AuditLog } from '../../audit/audit-log.ts';
import { type Clock, dayMs } from '../../core/clock.ts';
import { errorFields, type Logger } from '../../core/log.ts';
import { Columns, text, time } from '../../core/rows/columns.ts';
import { Table } from '../../core/rows/table.ts';
import type { AccessPolicy } from './policy.ts';

const ruleUseTable = 'RuleUse';
/** The row of the first day on which use was noted. No rule has an empty name. */
const firstDay = '';
const partitionKey = 'rule';
const columns = new Columns({ rule: text, usedAtMs: time });

/** A rule that nobody used for so long is worth a look. */
const quietMs = 90 * dayMs;

/** Rules that nobody has used since a certain day. */
export interface UnusedRules {
  readonly rules: readonly string[];
  /** 90 days ago, or when the app began to note use. */
  readonly sinceMs: number;
}

interface RuleUseDeps {
  readonly table: (name: string) => Promise<TableClient>;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * On which day each rule of the policy was last used. Each process writes a rule once a day, and nothing waits for it. The
 * audit log has every use, but is too large to be read for each health report.
 */
export class RuleUse {
  readonly #deps: RuleUseDeps;
  readonly #table: Table;
  /** The day that this process has noted, by rule. */
  readonly #noted = new Map<string, number>();

  constructor(deps: RuleUseDeps) {
    this.#deps = deps;
    this.#table = new Table(() => deps.table(ruleUseTable), 'The use of the rules cannot be read.');
  }

  /** The audit log, whose entries are noted as use of their rules. */
  over(log: AuditLog): AuditLog {
    return {
      record: async (entry, options) => {
        await log.record(entry, options);
        if (entry.rule !== undefined && entry.outcome !== 'denied') this.#note(entry.rule);
      },
      query: (query) => log.query(query),
      purge: (beforeMs) => log.purge(beforeMs),
    };
  }

  /**
   * The rules for tokens, requests and changes that nobody used.
   * @returns undefined before any use was noted.
   * @throws BrokerError storage_unavailable
   */
  async unused({ rules }: AccessPolicy): Promise<UnusedRules | undefined> {
    const usedAtMs = new Map<string, number>();
    for await (const row of this.#table.rows()) {
      const use = columns.decode(row);
      if (use !== undefined) usedAtMs.set(use.rule, use.usedAtMs);
    }
    const begunAtMs = usedAtMs.get(firstDay);
    if (begunAtMs === undefined) return undefined;
    const sinceMs = Math.max(begunAtMs, this.#deps.clock.nowMs() - quietMs);
    return {
      rules: rules
        .filter(({ tokens, gateway, changes }) => tokens || gateway || changes !== undefined)
        .flatMap(({ name }) => ((usedAtMs.get(name) ?? 0) < sinceMs ? name : [])),
      sinceMs,
    };
  }

  #note(rule: string): void {
    const day = Math.floor(this.#deps.clock.nowMs() / dayMs);
    if (this.#noted.get(rule) === day) return;
    this.#noted.set(rule, day);
    void this.#write(rule, day * dayMs).catch((thrown: unknown) => {
      this.#noted.delete(rule);
      this.#deps.log.log('warn', 'policy.use_not_noted', errorFields(thrown));
    });
  }

  async #write(rule: string, usedAtMs: number): Promise<void> {
    const rowOf = (name: string) => ({
      partitionKey,
      rowKey: createHash('sha256').update(name).digest('hex'),
      ...columns.encode({ rule: name, usedAtMs }),
    });
    // The first one stays.
    await this.#table.putIfUnchanged(rowOf(firstDay), undefined);
    await this.#table.put(rowOf(rule));
  }
}
