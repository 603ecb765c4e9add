import { type Difference, differenceOf } from '../../lib/changes/difference.ts';
import { type Line, type Piece, type Styled, styled } from '../line.ts';

/** A change as a plan shows it. */
export interface ShownChange {
  readonly action: string;
  readonly target: string;
  /** JSON. Null: it is not there. */
  readonly before: string | null;
  readonly after: string | null;
  readonly undo: string;
}

/** Characters of a value. */
const longestValue = 200;
/** Properties of an object that is created or removed. */
const mostProperties = 20;

const actions: Readonly<Record<string, Styled>> = {
  create: styled('good', '+'),
  restore: styled('good', '+'),
  'add-reference': styled('good', '+'),
  remove: styled('bad', '-'),
  'remove-reference': styled('bad', '-'),
};
/** These say everything in their target. */
const withoutProperties = new Set(['restore', 'add-reference', 'remove-reference']);

/** Shows a change property by property. @param tail ends its first line. */
export function differenceLines({ action, target, before, after, undo }: ShownChange, tail: readonly Piece[]): Line[] {
  const sign = actions[action] ?? styled('warn', '~');
  const name = action === 'act' ? `POST ${target}` : target;
  const properties = withoutProperties.has(action) ? [] : differenceOf(before, after).flatMap(propertyLines);
  const left = properties.length - mostProperties;
  // What an update sets is shown in full.
  const shown = action === 'remove' && left > 0 ? properties.slice(0, mostProperties) : properties;
  return [
    [sign, ' ', styled('strong', name), ...tail],
    ...shown.map((line): Line => ['    ', ...(Array.isArray(line) ? line : [line as Piece])]),
    ...(shown.length < properties.length ? [`    and ${left} more`] : []),
    ...undoLines(undo),
  ];
}

const [always, never] = ['yes', /^no(?:: )?/];

function undoLines(undo: string): Line[] {
  if (undo === always) return [];
  if (!never.test(undo)) return [`    can be undone ${undo}`];
  const why = undo.replace(never, '');
  return [['    ', styled('bad', 'cannot be undone'), why === '' ? '' : `: ${why}`]];
}

function propertyLines({ place, lost, gained, isList }: Difference): Line[] {
  const [old, aim] = [lost.map(cut), gained.map(cut)];
  const minus = (indent: string, name: string): Line[] => old.map((text) => styled('bad', `${indent}- ${name}${text}`));
  const plus = (indent: string, name: string): Line[] => aim.map((text) => styled('good', `${indent}+ ${name}${text}`));
  if (isList) return [`${place}:`, ...minus('  ', ''), ...plus('  ', '')];
  if (old.length > 0 && aim.length > 0) return [`${place}: ${old[0]} -> ${aim[0]}`];
  return [...minus('', `${place}: `), ...plus('', `${place}: `)];
}

const cut = (text: string): string =>
  text.length > longestValue ? `${text.slice(0, longestValue)}… (${text.length} characters)` : text;
