/** A property of a table holds at most 32,768 characters ("Understanding the Table service data model"). */
const pieceLength = 30_000;
/** An entity takes at most 1 MiB, two bytes for a character. */
const maxPieces = 16;
export const maxPiecesLength = pieceLength * maxPieces;

/** Splits a text over the properties `{name}0`, `{name}1` … */
export const piecesOf = (name: string, text: string): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: Math.ceil(text.length / pieceLength) }, (_, at) => [
      `${name}${at}`,
      text.slice(at * pieceLength, (at + 1) * pieceLength),
    ]),
  );

export const pieceNames = (name: string): string[] => Array.from({ length: maxPieces }, (_, at) => `${name}${at}`);

/** The text that {@link piecesOf} has split. */
export const joinPieces = (name: string, row: Readonly<Record<string, unknown>>): string =>
  pieceNames(name)
    .map((piece) => row[piece])
    .filter((piece) => typeof piece === 'string')
    .join('');
