import type { CallerRole } from '../../core/caller.ts';

/** What approval the requests under a rule need. */
export interface ApprovalTerms {
  /** App roles that a decider must hold, all of them. */
  readonly from: readonly CallerRole[];
  /** How many people must approve. */
  readonly count: number;
  /** How long a request waits for decisions. */
  readonly expiresMinutes: number;
  /** How long the approved request is served. */
  readonly validMinutes: number;
}

/**
 * The least and the largest value of each term. Five days span a weekend, and keep the timer of an orchestration within the
 * six days that the platform can wait at once. More than a day of validity is a right and not an exception.
 */
export const approvalRanges = {
  count: [1, 10],
  expiresMinutes: [5, 7_200],
  validMinutes: [1, 1_440],
} as const satisfies Partial<Record<keyof ApprovalTerms, readonly [number, number]>>;

/** The role that every decider must hold. */
export const deciderRole: CallerRole = 'Approvals.Decide';

/** `approval` as written in a rule. */
interface ApprovalDocument {
  readonly from?: readonly CallerRole[] | undefined;
  readonly count?: number | undefined;
  readonly expiresMinutes?: number | undefined;
  readonly validMinutes?: number | undefined;
}

/** Fills in the defaults. */
export const termsOf = ({
  from = [],
  count = 1,
  expiresMinutes = 60,
  validMinutes = 60,
}: ApprovalDocument): ApprovalTerms => ({
  from: [...new Set<CallerRole>([deciderRole, ...from])],
  count,
  expiresMinutes,
  validMinutes,
});

/** Checks the keys of a rule that put a condition on its requests. */
export const approvalProblems = (
  { approval, breakGlass }: { readonly approval?: unknown; readonly breakGlass?: true | undefined },
  place: string,
): string[] =>
  approval === undefined || breakGlass === undefined
    ? []
    : [`${place}.breakGlass: a rule for emergencies does not wait for an approval; write two rules.`];
