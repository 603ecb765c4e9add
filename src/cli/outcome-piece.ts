import { titleOf } from '../lib/api/trouble.ts';
import { outcomeStyle, outcomeWord } from '../lib/core/outcomes.ts';
import { type Styled, styled } from './line.ts';

/** The word of an outcome in the colour of its tone, or why a tenant failed. */
export const resultPiece = ({
  outcome,
  code,
}: {
  readonly outcome: string;
  readonly code?: string | undefined;
}): Styled => outcomePiece(outcome, outcome === 'failed' && code !== undefined ? titleOf(code) : undefined);

/** The word of an outcome in the colour of its tone. */
export const outcomePiece = (outcome: string, text = outcomeWord(outcome)): Styled =>
  styled(outcomeStyle(outcome).tone, text);
