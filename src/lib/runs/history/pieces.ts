/** A property of a table holds at most 32,768 characters ("Understanding the Table service data model"). */
const pieceLength = 30_000;
/** An entity takes at most 1 MiB, two bytes for a character. */
const maxPieces = 16;
/** A piece may be one character shorter, so that it ends with a whole one. */
export const maxPiecesLength = (pieceLength - 1) * maxPieces;

/** Splits a text over the properties `{name}0`, `{name}1` … Storage need not keep half of a surrogate pair. */
export function piecesOf(name: string, text: string): Record<string, string> {
  const pieces: Record<string, string> = {};
  for (let start = 0, at = 0; start < text.length; at += 1) {
    const end = start + pieceLength;
    const piece = text.slice(start, isInsidePair(text, end) ? end - 1 : end);
    pieces[`${name}${at}`] = piece;
    start += piece.length;
  }
  return pieces;
}

/** Whether the character at this place and the one before it are a surrogate pair. */
const isInsidePair = (text: string, at: number): boolean => (text.codePointAt(at - 1) ?? 0) > 0xff_ff;

export const pieceNames = (name: string): string[] => Array.from({ length: maxPieces }, (_, at) => `${name}${at}`);

/** The text that {@link piecesOf} has split. */
export const joinPieces = (name: string, row: Readonly<Record<string, unknown>>): string =>
  pieceNames(name)
    .map((piece) => row[piece])
    .filter((piece) => typeof piece === 'string')
    .join('');
