import { admit, confirm } from '../../../../src/lib/approvals/admit.ts';
import { announceApproval, settleApproval, watchApprovals } from '../../../../src/lib/approvals/watch-approvals.ts';
import {
  type Approval,
  type ApprovalKind,
  approvalKinds,
  type DecisionKind,
  decisions,
  isChange,
  isClosed,
} from '../../../../src/lib/approvals/approval.ts';
import { approvalInstanceId } from '../../../../src/lib/approvals/approval-log.ts';
import type { ApprovalTerms } from '../../../../src/lib/access/policy/policy.ts';
import { silentLogger } from '../../../../src/lib/core/log.ts';
import { approval } from '../../../support/approval-records.ts';
import { guid } from '../../../support/audit-entries.ts';
import { ReferenceApproval } from '../../../support/reference-approval.ts';
import { Changes } from './approval-changes.ts';
import { approve, decide, noteEnd } from './approval-decisions.ts';
import { ApprovalWorld, askers, codeOf, deciders, people, roleSets, type Tally } from './approval-world.ts';

/** One generated history: the real functions, and beside them the reference, which must agree after every step. */
export class History {
  readonly #world: ApprovalWorld;
  readonly #records = new Map<string, ReferenceApproval>();
  readonly #latest = new Map<string, ReferenceApproval>();
  /** The share of decisions by people who hold all roles. */
  readonly #proper: number;
  /** What is mostly asked for. */
  readonly #kind: ApprovalKind;
  readonly #changes: Changes;
  /** Time stands still while two instances race: the first has read its clock. */
  #isRacing = false;

  constructor(seed: number, tally: Tally) {
    this.#world = new ApprovalWorld(seed, tally);
    this.#proper = this.#world.pick([0, 0.5, 1]);
    this.#kind = this.#world.pick(approvalKinds);
    this.#changes = new Changes(this.#world, () => this.#meanwhile());
  }

  get problems(): readonly string[] {
    return this.#world.problems;
  }

  /** Plays the history to its end. */
  async play(steps: number): Promise<void> {
    await this.#ask();
    for (let step = 0; step < steps && this.#world.problems.length === 0; step += 1) await this.#step();
    await this.#end();
  }

  async #step(): Promise<void> {
    this.#world.otherInstance();
    const kind = this.#world.below(100) / 100;
    if (kind < 0.15) this.#world.pass();
    else if (kind < 0.22) this.#world.changePolicy();
    else if (kind < 0.3) await this.#killed();
    else if (kind < 0.4) await this.#raced();
    else await this.#act();
    this.#compare();
  }

  async #act(): Promise<void> {
    const kind = this.#world.below(100) / 100;
    if (kind < 0.45) await this.#ask();
    else if (kind < 0.85) await this.#decide();
    else if (kind < 0.94) await this.#work();
    else await watchApprovals(this.#world.deps);
  }

  /** A process dies in the middle of a step. */
  async #killed(): Promise<void> {
    this.#world.killer.arm(1 + this.#world.below(3), this.#world.chance(0.5));
    await this.#act();
    this.#world.killer.disarm();
  }

  /** Another instance acts right before the first write of a step. */
  async #raced(): Promise<void> {
    this.#world.log.beforeWrite = async () => {
      this.#world.log.beforeWrite = () => Promise.resolve();
      this.#world.count('raced');
      this.#isRacing = true;
      await this.#act();
      this.#isRacing = false;
    };
    await this.#act();
    this.#world.log.beforeWrite = () => Promise.resolve();
  }

  async #ask(): Promise<void> {
    const terms = this.#world.rule;
    if (terms === undefined) return;
    const [asker, askAgain] = [this.#world.pick(askers), this.#world.chance(0.4)];
    const kind = this.#world.chance(0.9) ? this.#kind : 'token';
    const digest = asker.objectId.padEnd(64, kind === 'token' ? '0' : '1');
    const asking = {
      caller: { ...asker, roles: [] },
      correlationId: guid(3),
      log: silentLogger,
      orchestrations: this.#world.orchestrations,
    };
    const subject = { ...approval().subject, kind, digest };
    const outcome = await admit(this.#world.deps, subject, terms, { ...asking, askAgain }).catch(codeOf);
    const before = this.#latest.get(digest);
    const expected = this.#expected(before, terms, askAgain);
    const stored = await this.#world.log.current(digest);
    if (stored !== undefined && stored.approval.id !== before?.id) {
      this.#world.agree(expected === 'asks', `a new request, expected ${expected}`);
      this.#adopt(stored.approval, terms);
    }
    if (outcome === 'killed' || this.#world.killer.hasFailed) return;
    if (typeof outcome === 'string') this.#world.agree(expected === 'refused', `${outcome}, expected ${expected}`);
    else if (outcome.admitted) {
      this.#world.agree(expected === 'served', `served, expected ${expected}`);
      await this.#serve(outcome.approval, terms);
    } else {
      this.#world.agree(['asks', 'waits'].includes(expected), `waits, expected ${expected}`);
      // Requests that are served are rare otherwise.
      const record = this.#records.get(outcome.approval.id);
      if (record !== undefined && this.#world.chance(0.25)) await approve(this.#world, record);
    }
    this.#world.count(expected);
  }

  #expected(record: ReferenceApproval | undefined, terms: ApprovalTerms, askAgain: boolean) {
    if (record === undefined) return 'asks';
    if (record.serves(this.#world.nowMs, [terms], this.#world.reads)) return 'served';
    if (record.standing(this.#world.nowMs, terms) === 'waits') return 'waits';
    return askAgain ? 'asks' : 'refused';
  }

  #adopt({ id, asker, subject, askedAtMs: at }: Approval, terms: ApprovalTerms): void {
    const record = new ReferenceApproval(id, asker.objectId, at, terms);
    this.#records.set(id, record);
    this.#latest.set(subject.digest, record);
  }

  /** Between the admission and the moment when the request leaves, others may act. */
  async #serve(admitted: Approval, terms: ApprovalTerms): Promise<void> {
    if (!this.#isRacing && this.#world.chance(0.3)) this.#world.pass();
    if (this.#world.chance(0.6)) await this.#decide();
    const record = this.#records.get(admitted.id);
    if (record !== undefined && isChange(admitted.subject)) return this.#changes.send(admitted, terms, record);
    const outcome = (await confirm(this.#world.deps, admitted, terms).catch(codeOf)) ?? 'served';
    const may = record?.serves(this.#world.nowMs, [terms], this.#world.reads) === true;
    this.#world.agree(
      (outcome === 'served') === may,
      `${outcome} at the end, expected ${may ? 'served' : 'a refusal'}`,
    );
    this.#world.count(outcome === 'served' ? 'confirmed' : 'stopped');
  }

  /** While a change is on its way, other instances act, and a slow one is taken for dead. */
  async #meanwhile(): Promise<void> {
    if (this.#isRacing) return;
    if (this.#world.chance(0.3)) this.#world.pass();
    if (this.#world.chance(0.2)) this.#world.changePolicy();
    await this.#act();
    this.#compare();
  }

  async #decide(): Promise<void> {
    const record = this.#anyRecord();
    if (record === undefined) return;
    const isProper = this.#world.chance(this.#proper);
    const [decider, roles] = [
      this.#world.pick(isProper ? people : deciders),
      isProper ? roleSets[1] : this.#world.pick(roleSets),
    ];
    const decision = this.#world.pick<DecisionKind>(['approve', 'approve', 'approve', 'approve', ...decisions]);
    await decide(this.#world, record, { decider, roles, decision });
  }

  /** What the orchestration of a request does at each step. */
  async #work(): Promise<void> {
    const approvalId = this.#anyRecord()?.id;
    if (approvalId === undefined) return;
    const announced = await announceApproval(this.#world.deps, { approvalId }).catch(codeOf);
    const settled = await settleApproval(this.#world.deps, { approvalId }).catch(codeOf);
    const isOver = announced === 'killed' || typeof settled === 'string' || settled.settled;
    if (isOver) this.#world.orchestrations.states.set(approvalInstanceId(approvalId), 'ended');
  }

  /** The stored records hold what the reference knows: decisions are kept, and an end is final and was due. */
  #compare(): void {
    for (const { approval: stored } of this.#world.log.rows.values()) {
      const record = this.#records.get(stored.id);
      if (record === undefined) {
        this.#world.agree(false, `${stored.id} is unknown to the reference`);
        continue;
      }
      this.#world.agree(stored.decisions.length === record.decisions, 'a decision is missing or twice');
      noteEnd(this.#world, record, stored);
      if (record.end !== undefined)
        this.#world.agree(stored.status === record.end, `${record.end} became ${stored.status}`);
    }
  }

  /** The watchdog alone ends everything, and each end is in the audit log. */
  async #end(): Promise<void> {
    this.#world.otherInstance(0);
    this.#world.pass(180);
    this.#compare();
    await watchApprovals(this.#world.deps);
    this.#compare();
    for (const { approval: stored } of this.#world.log.rows.values()) {
      this.#world.agree(isClosed(stored.status) && stored.endRecorded, `${stored.id} is still ${stored.status}`);
      const isKnown = this.#world.entries.some(
        ({ approvalId, outcome }) => approvalId === stored.id && outcome === stored.status,
      );
      this.#world.agree(isKnown, `the audit log does not know that ${stored.id} was ${stored.status}`);
    }
    for await (const left of this.#world.log.unsettled(0))
      this.#world.agree(false, `${left.approval.id} is not settled`);
  }

  #anyRecord = (): ReferenceApproval | undefined => [...this.#records.values()].at(-1 - this.#world.below(2));
}
