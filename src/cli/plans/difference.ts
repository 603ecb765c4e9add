import { isSame } from '../../lib/changes/values.ts';
import { isObject } from '../../lib/core/objects.ts';
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
  const properties = withoutProperties.has(action) ? [] : propertyLines(valuesOf(before), valuesOf(after));
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

/** The values of an object by their places, such as `defaultUserRolePermissions.allowedToCreateApps`. A list is one value. */
function valuesOf(json: string | null): ReadonlyMap<string, unknown> {
  const values = new Map<string, unknown>();
  const collect = (value: unknown, place: string): void => {
    if (!isObject(value)) values.set(place, value);
    else for (const [name, member] of Object.entries(value)) collect(member, place === '' ? name : `${place}.${name}`);
  };
  if (json !== null) collect(JSON.parse(json), '');
  return values;
}

function propertyLines(before: ReadonlyMap<string, unknown>, after: ReadonlyMap<string, unknown>): Line[] {
  const places = [...new Set([...before.keys(), ...after.keys()])];
  return places.flatMap((place): Line[] => {
    const [old, aim] = [before.get(place), after.get(place)];
    if (!after.has(place)) return [styled('bad', `- ${place}: ${shown(old)}`)];
    if (!before.has(place)) return [styled('good', `+ ${place}: ${shown(aim)}`)];
    if (isSame(old, aim)) return [];
    if (Array.isArray(old) && Array.isArray(aim)) return [`${place}:`, ...itemLines(old, aim)];
    return [`${place}: ${shown(old)} -> ${shown(aim)}`];
  });
}

/** The items that a list loses and gets. Their order means nothing. */
const itemLines = (old: readonly unknown[], aim: readonly unknown[]): Line[] => [
  ...old.filter((item) => !aim.some((other) => isSame(item, other))).map((item) => styled('bad', `  - ${shown(item)}`)),
  ...aim
    .filter((item) => !old.some((other) => isSame(item, other)))
    .map((item) => styled('good', `  + ${shown(item)}`)),
];

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value || '""' : JSON.stringify(value);
  return text.length > longestValue ? `${text.slice(0, longestValue)}… (${text.length} characters)` : text;
}
