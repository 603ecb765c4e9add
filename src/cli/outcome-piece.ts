import { outcomeStyle, outcomeWord } from '../lib/core/outcomes.ts';
import { type Styled, styled } from './line.ts';

/** The word of an outcome in the colour of its tone. */
export const outcomePiece = (outcome: string, text = outcomeWord(outcome)): Styled =>
  styled(outcomeStyle(outcome).tone, text);
