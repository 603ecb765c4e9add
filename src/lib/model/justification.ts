import * as z from 'zod';

/** Length of a reason in characters. A shorter one explains nothing. */
export const reasonLength = { least: 10, most: 500 } as const;

/** Why a caller wants something, or why a person decides. Blanks at its ends do not count. */
export const reasonSchema = z.string().trim().min(reasonLength.least).max(reasonLength.most);

/** What a caller says about a request beside the request itself. */
export interface Justification {
  /** Deciders and auditors read it. */
  readonly reason?: string | undefined;
  /** Ask for a new approval if the last one of the same request has ended. */
  readonly askAgain?: boolean | undefined;
  /** An emergency: use a rule for emergencies, if one allows the request. */
  readonly breakGlass?: boolean | undefined;
}
