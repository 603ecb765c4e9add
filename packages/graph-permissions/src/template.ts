import { wildcard } from './permission-map.ts';

const plain = /^[a-z0-9_]+$/;
const placeholder = /^\{[^{}]+\}$/;
const qualified = /^[a-z0-9_]+(?:\.[a-z0-9_]+)+$/;
const suffix = /^\$(?:count|ref|value)$/;
const call = /^([a-z0-9_.]+)\(([^()]*)\)$/;
const parameter = /^\s*([a-z0-9_]+)\s*=\s*'?\{[^{}]+\}'?\s*$/;

/**
 * The segments of a path template of the permission map, in lower case; a placeholder becomes `{}`, and a call keeps the
 * sorted names of its parameters, `cell(column,row)`. Undefined for a template that is broken, contains a query, or
 * addresses a file by its path (`root:/{path}:`), which the gateway refuses anyway. Pure.
 *
 * Spellings in Microsoft's published permission file that are repaired: `{id}}`, `(team-id)`, trailing slashes, and quotes
 * and blanks inside parentheses.
 */
export function templateSegments(template: string): readonly string[] | undefined {
  const path = template.toLowerCase().replaceAll('}}', '}').replace(/\/$/, '');
  if (!path.startsWith('/') || path.startsWith('/rp/') || path.includes('?')) return undefined;
  const segments: string[] = [];
  for (const segment of path.slice(1).split('/')) {
    const read = readSegment(segment);
    if (read === undefined) return undefined;
    segments.push(...read);
  }
  return segments;
}

function readSegment(segment: string): readonly string[] | undefined {
  if (placeholder.test(segment) || segment === '(team-id)') return [wildcard];
  if (plain.test(segment) || suffix.test(segment)) return [segment];
  if (segment.startsWith('graph.')) return [`microsoft.${segment}`];
  if (qualified.test(segment)) return [segment];
  const [, name, inside] = call.exec(segment) ?? [];
  if (name === undefined || inside === undefined) return undefined;
  if (inside.trim() === '') return [name];
  if (placeholder.test(inside)) return [name, wildcard];
  const names = inside.split(',').map((part) => parameter.exec(part)?.[1]);
  return names.every((known) => known !== undefined) ? [callSegment(name, names)] : undefined;
}

/** The segment of a function call or an alternate key: its name and the sorted names of its parameters, in lower case. */
export const callSegment = (name: string, parameters: readonly string[]): string =>
  parameters.length === 0 ? name : `${name}(${parameters.toSorted().join(',')})`;
