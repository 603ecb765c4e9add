import { styleText } from 'node:util';
import type { OutcomeStyle } from '../lib/core/outcomes.ts';
import { visibleText } from '../lib/core/text.ts';

/** How a text looks on a terminal: the tone of an outcome, or its weight in a line. */
type Look = OutcomeStyle['tone'] | 'strong';

/** A text with a look. */
export interface Styled {
  readonly text: string;
  readonly look: Look;
}

/** Part of a line. A plain string has no look. */
export type Piece = string | Styled;

/** One line for people. */
export type Line = Piece | readonly Piece[];

const formats = {
  good: 'green',
  warn: 'yellow',
  bad: 'red',
  active: 'cyan',
  idle: 'dim',
  strong: 'bold',
} as const satisfies Readonly<Record<Look, string>>;

export const styled = (look: Look, text: string): Styled => ({ look, text });

const textOf = (piece: Piece): string => (typeof piece === 'string' ? piece : piece.text);

const piecesOf = (line: Line): readonly Piece[] => (typeof line === 'string' || 'text' in line ? [line] : line);

/** The line without its looks. */
export const plainLine = (line: Line): string => piecesOf(line).map(textOf).join('');

/**
 * The line as a stream shows it, with control characters as text. It has colours if the stream is a terminal that has
 * them. NO_COLOR and FORCE_COLOR decide otherwise (`util.styleText` of Node.js).
 */
export function shownLine(line: Line, stream: NodeJS.WriteStream): string {
  return piecesOf(line)
    .map((piece) => {
      const text = visibleText(textOf(piece));
      return typeof piece === 'string' || text === '' ? text : styleText(formats[piece.look], text, { stream });
    })
    .join('');
}
