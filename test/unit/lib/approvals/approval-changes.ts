import { type Approval, isClosed } from '../../../../src/lib/approvals/approval.ts';
import { type Claim, claimApproval } from '../../../../src/lib/approvals/claim-approval.ts';
import type { ApprovalTerms } from '../../../../src/lib/callers/approval-keys.ts';
import { silentLogger } from '../../../../src/lib/runtime/log.ts';
import type { ReferenceApproval } from '../../../support/reference-approval.ts';
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
    if (mayDie) killer.arm(1 + this.#world.below(3), this.#world.chance(0.5));
    else if (this.#world.chance(0.4)) this.#repeat(id, terms, record);
    const claim = await this.#claim(id, terms, record);
    if (claim !== undefined) await this.#leave(id, claim, record);
    if (mayDie) killer.disarm();
  }

  /** Another instance sends the same request right before the claim of this one, and may die with its claim. */
  #repeat(id: string, terms: ApprovalTerms, record: ReferenceApproval): void {
    const { log } = this.#world;
    log.beforeWrite = async () => {
      log.beforeWrite = () => Promise.resolve();
      this.#world.count('repeated');
      const claim = await this.#claim(id, terms, record);
      if (claim !== undefined && this.#world.chance(0.5)) await this.#leave(id, claim, record);
    };
  }

  async #claim(id: string, terms: ApprovalTerms, record: ReferenceApproval): Promise<Claim | undefined> {
    const asking = { log: silentLogger, orchestrations: this.#world.orchestrations };
    const claim = await claimApproval(this.#world.deps, { id }, terms, asking).catch(codeOf);
    const may = record.serves(this.#world.nowMs, terms, this.#world.reads);
    if (typeof claim !== 'string') {
      this.#world.agree(may, 'claimed, expected a refusal');
      record.hold();
      return claim;
    }
    // A process that dies may have claimed the approval before. Then nothing leaves any more.
    const isHeld = claim === 'killed' && may && this.#stored(id)?.status === 'used';
    if (isHeld) record.hold();
    else this.#world.agree(claim === 'killed' || !may, `${claim} before it leaves, expected that it may leave`);
    this.#world.count(isHeld ? 'died with a claim' : 'stopped');
    return undefined;
  }

  async #leave(id: string, claim: Claim, record: ReferenceApproval): Promise<void> {
    if (this.#world.chance(0.5)) await this.#meanwhile();
    if (this.#world.chance(0.3)) await this.#notSent(id, claim, record);
    else await this.#sent(id, claim);
  }

  /** The limiter, the token or the exclusion of the tenant stopped it at the last moment. */
  async #notSent(id: string, claim: Claim, record: ReferenceApproval): Promise<void> {
    await claim.giveBack();
    const stored = this.#stored(id);
    const isBack = stored !== undefined && !isClosed(stored.status);
    if (isBack) record.giveBack();
    this.#world.agree(isBack || this.#world.killer.isDead || record.end === 'used', 'the claim was not given back');
    this.#world.count(isBack ? 'given back' : 'kept');
  }

  async #sent(id: string, claim: Claim): Promise<void> {
    if (this.#world.killer.isDead) return;
    this.#world.agree(!this.#left.has(id), `a change left twice under ${id}`);
    this.#left.add(id);
    this.#world.count('left');
    await claim.conclude(this.#world.chance(0.7));
  }

  #stored(id: string): Approval | undefined {
    return this.#world.log.rows.get(id)?.approval;
  }
}
