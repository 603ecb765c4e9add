import { visibleText } from '../core/visible-text.ts';
import type { Refused } from './verdict.ts';

/** Thrown where a rule refuses a request; `judgeRequest` turns it into a verdict. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly kind: Refused['kind'];

  constructor(kind: Refused['kind'], reason: string) {
    super(reason);
    this.kind = kind;
  }
}

/** The request cannot be read with certainty. */
export const unreadable = (reason: string): Refusal => new Refusal('unreadable', reason);

/** The rule's permissions do not open the request. */
export const notPermitted = (reason: string): Refusal => new Refusal('not-permitted', reason);

const longest = 60;

/** A name from the request in quotes, short and on one line. Values, such as keys of objects, are never quoted. */
export const quoted = (name: string): string =>
  `"${visibleText(name.length > longest ? `${name.slice(0, longest)}…` : name)}"`;
