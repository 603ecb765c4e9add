import * as z from 'zod';

/** Length of a reason in characters. A shorter one explains nothing. */
export const reasonLength = { least: 10, most: 500 } as const;

/**
 * Characters that start a line, or change how a terminal or a browser shows the text around them: control characters, line
 * and paragraph separators, and controls of the writing direction (Unicode Standard Annex 9). Also halves of characters.
 */
const commands = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;

/**
 * Why a caller wants something, or why a person decides, on one line: it must not look like other lines of what deciders
 * read. Blanks at its ends do not count.
 */
export const reasonSchema = z
  .string()
  .trim()
  .min(reasonLength.least)
  .max(reasonLength.most)
  .refine((text) => !commands.test(text), 'must be one line without control characters');

/** What a caller says about a request beside the request itself. */
export interface Justification {
  /** Deciders and auditors read it. */
  readonly reason?: string | undefined;
  /** Ask for a new approval if the last one of the same request has ended. */
  readonly askAgain?: boolean | undefined;
  /** An emergency: use a rule for emergencies, if one allows the request. */
  readonly breakGlass?: boolean | undefined;
}
