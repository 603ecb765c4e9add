/*
 * An independent reading of docs/approvals.md for tests: it shares no code with the broker, and keeps what happened to a
 * request as a list of facts instead of a record with a status.
 */

const minuteMs = 60_000;
/** Clocks of two instances may differ this much. */
const clockLagMs = 5 * minuteMs;
const deciderRole = 'Approvals.Decide';

/** What a version of the rule asks for. */
export interface ReferenceTerms {
  readonly from: readonly string[];
  readonly count: number;
  readonly expiresMinutes: number;
  readonly validMinutes: number;
}

/** A person or application. Two that share a `person` are one person. */
interface ReferenceParty {
  readonly person: string;
  readonly isPerson: boolean;
  /** Whether the decision comes through the application with which people sign in to the broker. */
  readonly isSignedIn: boolean;
  readonly roles: readonly string[];
}

export interface ReferenceDecision extends ReferenceParty {
  readonly decision: 'approve' | 'deny' | 'revoke';
}

export type End = 'denied' | 'revoked' | 'expired' | 'used' | 'ended';
type Standing = End | 'waits' | 'approved';

export class ReferenceApproval {
  readonly id: string;
  readonly askedMs: number;
  readonly #asker: string;
  /** The rule when the request was made, and at each decision. */
  readonly #versions: ReferenceTerms[];
  readonly #made: ReferenceDecision[] = [];
  /** Whether a change holds the approval. */
  #isHeld = false;
  /** Whether it was revoked while a change held it. */
  #isWithdrawn = false;
  #approvedMs: number | undefined;
  #end: End | undefined;

  constructor(id: string, asker: string, askedMs: number, rule: ReferenceTerms) {
    this.id = id;
    this.#asker = asker;
    this.askedMs = askedMs;
    this.#versions = [rule];
  }

  get decisions(): number {
    return this.#made.length;
  }

  get end(): End | undefined {
    return this.#end;
  }

  /** @param rule the version in force; undefined: it is gone. */
  standing(nowMs: number, rule: ReferenceTerms | undefined): Standing {
    if (this.#end !== undefined) return this.#end;
    return this.#isHeld ? 'used' : this.#byTime(nowMs, rule);
  }

  #byTime(nowMs: number, rule: ReferenceTerms | undefined): Standing {
    if (this.#end !== undefined) return this.#end;
    const now = rule === undefined ? [] : [rule];
    if (this.#approvedMs !== undefined) {
      const valid = Math.min(...[...this.#versions, ...now].map(({ validMinutes }) => validMinutes));
      return nowMs < this.#approvedMs + valid * minuteMs ? 'approved' : 'ended';
    }
    const waiting = Math.min(...[...this.#versions, ...now].map(({ expiresMinutes }) => expiresMinutes));
    return nowMs < this.askedMs + waiting * minuteMs ? 'waits' : 'expired';
  }

  /**
   * Whether the request may be served now.
   * @param rules the version under which it was admitted, and the one in force.
   * @param reads whether the policy in force lets a person read the tenant.
   */
  serves(nowMs: number, rules: readonly ReferenceTerms[], reads: (person: string) => boolean): boolean {
    return !this.#isHeld && this.#isServed(nowMs, rules, reads);
  }

  /** Whether the change that holds it may leave now. */
  leaves(nowMs: number, rules: readonly ReferenceTerms[], reads: (person: string) => boolean): boolean {
    return this.#isHeld && this.#end === undefined && !this.#isWithdrawn && this.#isServed(nowMs, rules, reads);
  }

  #isServed(nowMs: number, rules: readonly ReferenceTerms[], reads: (person: string) => boolean): boolean {
    if (rules.some((rule) => this.#byTime(nowMs, rule) !== 'approved')) return false;
    if (nowMs < (this.#approvedMs ?? 0) - clockLagMs) return false;
    const versions = [...this.#versions, ...rules];
    return this.#consents(versions, reads) >= most(versions);
  }

  /** Whether a decision is accepted now. @param reads whether the policy in force lets the person read the tenant. */
  accepts(made: ReferenceDecision, nowMs: number, rule: ReferenceTerms | undefined, reads: boolean): boolean {
    const standing = this.standing(nowMs, rule);
    const isUnderWay = this.#isHeld && this.#end === undefined && !this.#isWithdrawn;
    const isRevocable = standing === 'approved' || isUnderWay;
    const isOpen = standing === 'waits' || (isRevocable && made.decision === 'revoke');
    if (!isOpen) return false;
    if (made.person === this.#asker) return made.decision === 'revoke';
    if (!made.isPerson || !made.roles.includes(deciderRole) || !reads) return false;
    if (made.decision === 'revoke') return true;
    if (this.#made.some(({ person }) => person === made.person)) return false;
    if (made.decision === 'deny') return true;
    return made.isSignedIn && rule !== undefined && holds(made.roles, [...this.#versions, rule]);
  }

  /** A decision that was accepted. */
  add(made: ReferenceDecision, nowMs: number, rule: ReferenceTerms | undefined): void {
    this.#made.push(made);
    if (rule !== undefined) this.#versions.push(rule);
    if (made.decision === 'deny') this.#end = 'denied';
    // A change that holds it may have left already.
    if (made.decision === 'revoke' && this.#isHeld) this.#isWithdrawn = true;
    else if (made.decision === 'revoke') this.#end = 'revoked';
    const isEnough = this.#consents(this.#versions, () => true) >= most(this.#versions);
    if (made.decision === 'approve' && isEnough) this.#approvedMs ??= nowMs;
  }

  /** A change is about to leave, or its process died. Nothing else is served any more. */
  hold(): void {
    this.#isHeld = true;
  }

  /** The change did not leave. */
  giveBack(): void {
    this.#isHeld = false;
    if (this.#isWithdrawn) this.#end ??= 'revoked';
  }

  /** The end by time was recorded: a clock that is set back does not undo it. */
  close(end: End): void {
    this.#end ??= end;
  }

  #consents(versions: readonly ReferenceTerms[], reads: (person: string) => boolean): number {
    const counted = this.#made.filter(
      ({ decision, roles, person }) => decision === 'approve' && holds(roles, versions) && reads(person),
    );
    return new Set(counted.map(({ person }) => person)).size;
  }
}

const most = (versions: readonly ReferenceTerms[]): number => Math.max(...versions.map(({ count }) => count));

const holds = (roles: readonly string[], versions: readonly ReferenceTerms[]): boolean =>
  versions.every(({ from }) => from.every((role) => roles.includes(role)));
