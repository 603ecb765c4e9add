import type { AuditEntry } from '../../../../src/lib/audit/audit-log.ts';
import { type ApprovalTerms, denyAll } from '../../../../src/lib/access/policy/policy.ts';
import type { Caller } from '../../../../src/lib/core/caller.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { silentLogger } from '../../../../src/lib/core/log.ts';
import { seededRandom } from '../../../fakes/fake-clock.ts';
import { approval, askedAtMs, minuteMs, person } from '../../../support/approval-records.ts';
import { memoryApprovals } from '../../../support/approvals.ts';
import { guid } from '../../../support/audit-entries.ts';
import {
  interrupted,
  interruptedLog,
  Killed,
  Killer,
  RememberedOrchestrations,
} from '../../../support/interrupted-approvals.ts';

/** An application behind which a person may act, and which asks as itself. */
export const portal = guid(0xb);
const service = person(9, { kind: 'application', applicationId: portal });
export const askers = [person(1), service];
export const people = [person(2), person(3), person(4)];
/** Everybody who tries to decide. */
export const deciders = [
  ...people,
  person(1),
  person(2, { applicationId: portal }),
  person(5, { kind: 'application', applicationId: guid(0xc) }),
  service,
];
export const roleSets = [['Approvals.Decide'], ['Approvals.Decide', 'Audit.Read'], ['Audit.Read']] as const;
/** Minutes. The clock of an instance may be ahead or behind, or was set back. */
const skews = [0, 0, 0, 0, 0, 0, 2, -3, -10, -45];

/** How often each thing happened, so that a test can see that its histories are worth something. */
export type Tally = Record<string, number>;

/** What a generated history changes: the time, the policy, and the process that may be killed. */
export class ApprovalWorld {
  readonly problems: string[] = [];
  readonly killer = new Killer();
  readonly orchestrations = new RememberedOrchestrations(this.killer);
  readonly entries: AuditEntry[] = [];
  readonly deps;
  readonly log;
  /** The rule in force; undefined: it is gone. */
  rule: ApprovalTerms | undefined;
  readonly #unreadable = new Set<string>();
  readonly #random: () => number;
  readonly #tally: Tally;
  #nowMs = askedAtMs;
  #skewMs = 0;
  #ids = 0;

  constructor(seed: number, tally: Tally) {
    this.#random = seededRandom(seed);
    this.#tally = tally;
    this.rule = this.#terms();
    const memory = memoryApprovals({
      audit: { record: async (entry) => void this.entries.push(entry) },
      policy: { current: async () => this.#policy() as never },
      // Deadlines are those of the process, which is fast here.
      clock: { nowMs: () => this.nowMs, sleep: () => new Promise<void>(() => {}) },
    });
    this.log = memory.approvalLog;
    this.deps = {
      ...interrupted(memory, this.killer),
      approvalLog: interruptedLog(this.log, this.killer),
      newId: () => `${(this.#ids += 1).toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`,
      visibleTo: async ({ objectId }: Caller) => (this.reads(objectId) ? ('*' as const) : new Set<never>()),
      log: silentLogger,
      orchestrations: this.orchestrations,
    };
  }

  /** The clock of the instance that acts, in milliseconds. */
  get nowMs(): number {
    return this.#nowMs + this.#skewMs;
  }

  /** Another instance acts from now on. @param minutes how wrong its clock is. */
  otherInstance(minutes: number = this.pick(skews)): void {
    this.#skewMs = minutes * minuteMs;
  }

  pass(minutes: number = this.pick([0, 1, 1, 3, 3, 7, 15, 40])): void {
    this.#nowMs += minutes * minuteMs;
  }

  changePolicy(): void {
    const kind = this.#random();
    if (kind < 0.6) this.rule = this.#terms();
    else if (kind < 0.7) this.rule = undefined;
    else if (kind < 0.85) this.#unreadable.add(this.pick(deciders).objectId);
    else this.#unreadable.clear();
  }

  /** Whether the policy in force lets a person read the tenant. */
  readonly reads = (who: string): boolean => !this.#unreadable.has(who);

  /** Notes a difference to the reference. */
  agree(holds: boolean, problem: string): void {
    if (!holds) this.problems.push(problem);
  }

  count(what: string): void {
    this.#tally[what] = (this.#tally[what] ?? 0) + 1;
  }

  readonly chance = (probability: number): boolean => this.#random() < probability;
  readonly below = (limit: number): number => Math.floor(this.#random() * limit);
  readonly pick = <T>(items: readonly T[]): T => items[this.below(items.length)] as T;

  #policy() {
    const rules = this.rule === undefined ? [] : [{ name: approval().subject.rule, approval: this.rule }];
    return { policy: { ...denyAll, rules } };
  }

  #terms(): ApprovalTerms {
    return {
      from: this.chance(0.3) ? ['Approvals.Decide', 'Audit.Read'] : ['Approvals.Decide'],
      count: this.pick([1, 1, 1, 2, 2, 3]),
      expiresMinutes: this.pick([5, 20, 60]),
      validMinutes: this.pick([1, 10, 30, 60]),
    };
  }
}

/** The code of the refusal, or `killed`. */
export function codeOf(thrown: unknown): string {
  if (thrown instanceof Killed) return 'killed';
  if (thrown instanceof BrokerError) return thrown.code;
  throw thrown;
}
