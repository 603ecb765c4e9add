import { default as truncatedWidth } from 'fast-string-truncated-width';
import { visibleText } from '../lib/core/text.ts';
import { type Line, type Piece, styled } from './line.ts';

/** A column of a table. A plain string is its head. */
interface Column {
  readonly head: string;
  /** The column is not cut below this width, nor its head, while another one can give way. Default: 8. */
  readonly min?: number;
  /** Left out if the table does not fit the terminal otherwise. */
  readonly optional?: boolean;
  /** Goes on below instead of being cut. */
  readonly wrap?: boolean;
}

const gap = 2;
const ellipsis = '…';
/** No column is cut below this width. */
const narrowest = 8;

/** Columns of a terminal that a text takes: wide characters take two. */
const widthOf = (text: string): number => truncatedWidth(text).width;

/** Columns of the terminal on standard output. Without a terminal, or if it does not tell its width, lines have no limit. */
const screenWidth = (): number =>
  process.stdout.isTTY && process.stdout.columns > 0 ? process.stdout.columns : Infinity;

/**
 * Formats a table for people: columns padded to their widest cell, with a line under the head.
 * @param width columns of the terminal. The widest columns are cut until the table fits. A cell that is cut ends with an
 * ellipsis.
 */
export function table(
  columns: readonly (string | Column)[],
  cells: readonly (readonly Piece[])[],
  width = screenWidth(),
): Line[] {
  const { head, lines } = tableFor(columns, cells, width);
  return [...head, ...cells.flatMap(lines)];
}

/** A table whose columns have their widths, for rows that come later. */
export interface OpenTable {
  readonly head: readonly Line[];
  readonly line: (cells: readonly Piece[]) => Line;
  /** As `line`, with a further line for each that a cell of a column with `wrap` needs. */
  readonly lines: (cells: readonly Piece[]) => readonly Line[];
}

/** As {@link table}, with columns padded to the widest of these cells. Wider cells that come later are cut. */
export function tableFor(
  columns: readonly (string | Column)[],
  cells: readonly (readonly Piece[])[],
  width = screenWidth(),
): OpenTable {
  const heads = columns.map((column) => (typeof column === 'string' ? { head: column } : column));
  const rows = cells.map((row) => heads.map((_, at) => visiblePiece(row[at] ?? '')));
  const natural = heads.map(({ head }, at) => Math.max(widthOf(head), ...rows.map((row) => widthOf(textOf(row[at])))));
  const floors = heads.map(({ head, min = narrowest }) => Math.max(min, widthOf(head)));
  const shown = shownColumns(heads, natural, floors, width);
  const wanted = fitted(
    shown.map((at) => natural[at] ?? 0),
    shown.map((at) => floors[at] ?? narrowest),
    width,
  );
  const widths = fitted(
    wanted,
    shown.map(() => narrowest),
    width,
  );
  const line = (pieces: readonly Piece[]): Line =>
    trimEnd(pieces.flatMap((piece, at) => cell(piece, widths[at] ?? 0, at === 0)));
  return {
    head: [
      line(shown.map((at) => styled('strong', heads[at]?.head ?? ''))),
      line(widths.map((each) => styled('idle', '-'.repeat(each)))),
    ],
    line: (row) => line(shown.map((at) => visiblePiece(row[at] ?? ''))),
    lines: (row) => {
      const parts = shown.map((at, place) => {
        const piece = visiblePiece(row[at] ?? '');
        const texts = heads[at]?.wrap === true ? wrapped(textOf(piece), widths[place] ?? 0) : [textOf(piece)];
        return texts.map((text) => withText(piece, text));
      });
      const height = Math.max(...parts.map(({ length }) => length));
      return Array.from({ length: height }, (_, at) => line(parts.map((part) => part[at] ?? '')));
    },
  };
}

/** Breaks a text between words, and a word that is longer than a line. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (widthOf(longer) <= width) {
      line = longer;
      continue;
    }
    if (line !== '') lines.push(line);
    line = word;
    while (widthOf(line) > width) {
      const { index } = truncatedWidth(line, { limit: width });
      lines.push(line.slice(0, index));
      line = line.slice(index);
    }
  }
  return [...lines, line];
}

const textOf = (piece: Piece = ''): string => (typeof piece === 'string' ? piece : piece.text);

const withText = (piece: Piece, text: string): Piece => (typeof piece === 'string' ? text : { ...piece, text });

const visiblePiece = (piece: Piece): Piece => withText(piece, visibleText(textOf(piece)));

// The last column of the terminal stays empty, because some terminals wrap a full line.
const isTooWide = (widths: readonly number[], width: number): boolean =>
  widths.reduce((sum, each) => sum + each + gap, -gap) >= width;

/** The position of the columns to show: without optional ones, from the right, while the others would be cut too much. */
function shownColumns(
  heads: readonly Column[],
  natural: readonly number[],
  floors: readonly number[],
  width: number,
): number[] {
  const shown = heads.map((_, at) => at);
  const smallest = (): number[] => shown.map((at) => Math.min(natural[at] ?? 0, floors[at] ?? narrowest));
  for (const at of [...heads.keys()].toReversed()) {
    if (!isTooWide(smallest(), width)) break;
    if (heads[at]?.optional === true) shown.splice(shown.indexOf(at), 1);
  }
  return shown;
}

/** Takes one character after another from the widest column above its floor, until the table fits or all are at theirs. */
function fitted(natural: readonly number[], floors: readonly number[], width: number): number[] {
  const widths = [...natural];
  while (isTooWide(widths, width)) {
    const spare = widths.map((each, at) => (each > (floors[at] ?? 0) ? each : 0));
    const widest = Math.max(...spare);
    if (widest === 0) break;
    widths[spare.lastIndexOf(widest)] = widest - 1;
  }
  return widths;
}

function cell(piece: Piece, width: number, isFirst: boolean): Piece[] {
  const text = textOf(piece);
  const { index, ellipsed } = truncatedWidth(text, { limit: width, ellipsis });
  const cut = ellipsed ? `${text.slice(0, index)}${ellipsis}` : text;
  return [isFirst ? '' : ' '.repeat(gap), withText(piece, cut), ' '.repeat(Math.max(0, width - widthOf(cut)))];
}

/** Removes the blanks at the end of a line. */
function trimEnd(pieces: readonly Piece[]): Piece[] {
  const last = pieces.findLastIndex((piece) => textOf(piece).trim() !== '');
  return pieces.slice(0, last + 1);
}
