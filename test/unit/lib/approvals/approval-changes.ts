import type { Approval } from '../../../../src/lib/approvals/approval.ts';
import { type Claim, claimApproval } from '../../../../src/lib/approvals/meet-condition.ts';
import type { ApprovalTerms } from '../../../../src/lib/access/policy/policy.ts';
import { silentLogger } from '../../../../src/lib/core/log.ts';
import type { ReferenceApproval } from '../../../support/reference-approval.ts';
import { revoke } from './approval-decisions.ts';
import { type ApprovalWorld, codeOf } from './approval-world.ts';

/** Sends changes under approvals: the rule is that at most one leaves under each. */
export class Changes {
  readonly #world: ApprovalWorld;
  /** What other instances do meanwhile. */
  readonly #meanwhile: () => Promise<void>;
  readonly #left = new Set<string>();

  constructor(world: ApprovalWorld, meanwhile: () => Promise<void>) {
    this.#world = world;
    this.#meanwhile = meanwhile;
  }

  /** Sends a request that was admitted: the claim, the request, and the note about what became of it. */
  async send({ id }: Approval, terms: ApprovalTerms, record: ReferenceApproval): Promise<void> {
    const { killer } = this.#world;
    const mayDie = !killer.isDead && this.#world.chance(0.2);
    const mayFail = !killer.isArmed && !mayDie && this.#world.chance(0.3);
    if (mayDie) killer.arm(1 + this.#world.below(3), this.#world.chance(0.5));
    else if (mayFail) killer.failOnce(1 + this.#world.below(3), this.#world.chance(0.5));
    else if (this.#world.chance(0.4)) this.#repeat(id, terms, record);
    const claim = await this.#claim(id, terms, record);
    // A claim that was refused has written nothing. The repetition must not wait for the write of somebody else's decision.
    this.#world.log.beforeWrite = () => Promise.resolve();
    if (claim !== undefined) await this.#leave({ id, terms }, claim, record);
    if (mayDie || mayFail) killer.disarm();
  }

  /** Another instance sends the same request right before the claim of this one, and may die with its claim. */
  #repeat(id: string, terms: ApprovalTerms, record: ReferenceApproval): void {
    const { log } = this.#world;
    log.beforeWrite = async () => {
      log.beforeWrite = () => Promise.resolve();
      this.#world.count('repeated');
      const claim = await this.#claim(id, terms, record);
      if (claim !== undefined && this.#world.chance(0.5)) await this.#leave({ id, terms }, claim, record);
    };
  }

  async #claim(id: string, terms: ApprovalTerms, record: ReferenceApproval): Promise<Claim | undefined> {
    const asking = { log: silentLogger, orchestrations: this.#world.orchestrations };
    const claim = await claimApproval(this.#world.deps, { id }, terms, asking).catch(codeOf);
    const may =
      this.#world.rule !== undefined && record.serves(this.#world.nowMs, [terms, this.#world.rule], this.#world.reads);
    if (typeof claim !== 'string') {
      this.#world.agree(may, 'claimed, expected a refusal');
      record.hold();
      return claim;
    }
    // After an error of storage, the claim is given back, whether it was written or not.
    if (claim === 'storage_unavailable') {
      const byAnother = record.standing(this.#world.nowMs, terms) === 'used';
      this.#world.agree(byAnother || !this.#isHeld(id), 'the claim was kept after an error of storage');
      this.#world.count('failed');
      return undefined;
    }
    // A process that dies may have claimed the approval before. Then nothing leaves any more.
    const isHeld = claim === 'killed' && may && this.#stored(id)?.status === 'used';
    if (isHeld) record.hold();
    else this.#world.agree(claim === 'killed' || !may, `${claim} before it leaves, expected that it may leave`);
    this.#world.count(isHeld ? 'died with a claim' : 'stopped');
    return undefined;
  }

  async #leave(
    { id, terms }: { readonly id: string; readonly terms: ApprovalTerms },
    claim: Claim,
    record: ReferenceApproval,
  ): Promise<void> {
    if (this.#world.chance(0.5)) await this.#meanwhile();
    if (this.#world.chance(0.2)) await revoke(this.#world, record);
    if (this.#world.chance(0.3)) return this.#notSent(id, claim, record);
    const refusal = await claim.confirm().catch(codeOf);
    const { nowMs, rule, reads } = this.#world;
    const may = rule !== undefined && record.leaves(nowMs, [terms, rule], reads);
    this.#world.agree((refusal === undefined) === may, `${refusal ?? 'leaves'}, expected ${may ? 'to leave' : 'not'}`);
    await (refusal === undefined ? this.#sent(id, claim, record) : this.#notSent(id, claim, record));
  }

  /** The limiter, the token or the exclusion of the tenant stopped it at the last moment. */
  async #notSent(id: string, claim: Claim, record: ReferenceApproval): Promise<void> {
    const before = this.#stored(id)?.status;
    await claim.giveBack();
    const stored = this.#stored(id);
    const isBack = stored !== undefined && stored.use === undefined;
    if (isBack) record.giveBack();
    const { isDead, hasFailed } = this.#world.killer;
    this.#world.agree(isBack || isDead || hasFailed || record.end === 'used', 'the claim was not given back');
    this.#world.agree(before === 'used' || stored?.status === before, 'a closed record was opened');
    this.#world.count(stored?.status === 'revoked' ? 'revoked under way' : isBack ? 'given back' : 'kept');
  }

  async #sent(id: string, claim: Claim, record: ReferenceApproval): Promise<void> {
    if (this.#world.killer.isDead) return;
    this.#world.agree(!this.#left.has(id), `a change left twice under ${id}`);
    this.#left.add(id);
    this.#world.count('left');
    await claim.conclude(this.#world.chance(0.7));
    if (this.#stored(id)?.closedAtMs !== undefined) record.close('used');
  }

  #isHeld(id: string): boolean {
    const stored = this.#stored(id);
    return stored?.use !== undefined && stored.closedAtMs === undefined;
  }

  #stored(id: string): Approval | undefined {
    return this.#world.log.rows.get(id)?.approval;
  }
}
