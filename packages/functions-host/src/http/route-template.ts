import { type Constraint, parseConstraint } from './route-constraints.ts';

interface Parameter {
  readonly name: string;
  readonly constraints: readonly Constraint[];
  readonly defaultValue: string | undefined;
  readonly optional: boolean;
  readonly catchAll: boolean;
}

type Part = string | Parameter;

/** The text between two slashes: a literal, a parameter, or a mixture of both (`v{major}.{minor}`). */
interface Segment {
  readonly parts: readonly Part[];
  readonly pattern: RegExp;
}

export interface RouteTemplate {
  readonly text: string;
  readonly segments: readonly Segment[];
  /** One digit per segment. Routes are tried in ascending order of these lists. */
  readonly precedence: readonly number[];
}

/** Parses a route template of ASP.NET. @throws Error when the template is not valid. */
export function parseTemplate(text: string): RouteTemplate {
  const segments = splitOutsideBraces(text).map((segment) => parseSegment(segment));
  segments.forEach((segment, index) => {
    if (isCatchAll(segment) && index < segments.length - 1) throw new Error(`"${text}": a catch-all must come last`);
  });
  const names = segments.flatMap(({ parts }) =>
    parts.flatMap((part) => (typeof part === 'string' ? [] : [part.name.toLowerCase()])),
  );
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw new Error(`"${text}": the parameter "${repeated}" appears twice`);
  return { text, segments, precedence: segments.map((segment) => precedenceOf(segment)) };
}

/** The parameters, if the template matches. @param path the decoded path segments. */
export function matchTemplate(template: RouteTemplate, path: readonly string[]): Record<string, string> | undefined {
  const params: Record<string, string> = {};
  for (const [index, segment] of template.segments.entries()) {
    const catchAll = isCatchAll(segment);
    const text = catchAll ? path.slice(index).join('/') : path[index];
    if (!matchSegment(segment, text === '' ? undefined : text, params)) return undefined;
    if (catchAll) return params;
  }
  return path.length > template.segments.length ? undefined : params;
}

/** Adds the parameters of the segment to `params`. @returns whether the segment matches. */
function matchSegment(segment: Segment, text: string | undefined, params: Record<string, string>): boolean {
  if (text === undefined) {
    const [part] = segment.parts;
    if (segment.parts.length !== 1 || typeof part !== 'object') return false;
    if (part.defaultValue !== undefined) params[part.name] = part.defaultValue;
    return part.defaultValue !== undefined || part.optional || part.catchAll;
  }
  const match = segment.pattern.exec(text);
  if (!match) return false;
  const parameters = segment.parts.filter((part): part is Parameter => typeof part === 'object');
  for (const [index, parameter] of parameters.entries()) {
    const value = match[index + 1] ?? '';
    if (!parameter.constraints.every((accepts) => accepts(value))) return false;
    params[parameter.name] = value;
  }
  return true;
}

const isCatchAll = (segment: Segment): boolean =>
  segment.parts.some((part) => typeof part === 'object' && part.catchAll);

// ASP.NET's RoutePrecedence.ComputeInbound: literal 1, mixed or constrained 2, plain 3, constrained catch-all 4, catch-all 5.
function precedenceOf({ parts }: Segment): number {
  const [first] = parts;
  if (parts.length > 1) return 2;
  if (typeof first !== 'object') return 1;
  const constrained = first.constraints.length > 0;
  if (first.catchAll) return constrained ? 4 : 5;
  return constrained ? 2 : 3;
}

const escapePattern = (literal: string): string => literal.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');

function splitOutsideBraces(text: string): string[] {
  const trimmed = text.replace(/^\/+|\/+$/g, '');
  if (trimmed === '') return [];
  const segments: string[] = [];
  let depth = 0;
  let current = '';
  for (const character of trimmed) {
    if (character === '{') depth += 1;
    if (character === '}') depth -= 1;
    if (character === '/' && depth === 0) {
      segments.push(current);
      current = '';
    } else current += character;
  }
  if (depth !== 0) throw new Error(`"${text}": the braces do not match`);
  segments.push(current);
  if (segments.includes('')) throw new Error(`"${text}": two slashes in a row`);
  return segments;
}

function parseSegment(text: string): Segment {
  const parts: Part[] = [];
  let literal = '';
  let at = 0;
  while (at < text.length) {
    const character = text.charAt(at);
    if (character !== '{' || text.charAt(at + 1) === '{') {
      literal += character;
      at += character === text.charAt(at + 1) && (character === '{' || character === '}') ? 2 : 1;
      continue;
    }
    const end = parameterEnd(text, at + 1);
    if (literal !== '') parts.push(literal);
    literal = '';
    parts.push(
      parseParameter(
        text
          .slice(at + 1, end)
          .replaceAll('{{', '{')
          .replaceAll('}}', '}'),
      ),
    );
    at = end + 1;
  }
  if (literal !== '') parts.push(literal);
  // Literals in a route ignore case.
  const pattern = parts
    .map((part) => (typeof part === 'string' ? escapePattern(part) : part.catchAll ? '([^]*)' : '([^]+?)'))
    .join('');
  return { parts, pattern: new RegExp(`^${pattern}$`, 'i') };
}

/** The index of the brace that closes the parameter. A doubled brace is an escaped one. */
function parameterEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at += 1) {
    if (text.charAt(at) !== '}') continue;
    if (text.charAt(at + 1) !== '}') return at;
    at += 1;
  }
  throw new Error(`"${text}": a parameter is not closed`);
}

function parseParameter(text: string): Parameter {
  const [, stars = '', name = '', rest = ''] = /^(\**)([^:=?*/]+)([^]*)$/.exec(text) ?? [];
  if (name === '') throw new Error(`"{${text}}" has no parameter name`);
  let tail = rest;
  const constraints: Constraint[] = [];
  while (tail.startsWith(':')) {
    const end = constraintEnd(tail);
    constraints.push(parseConstraint(tail.slice(1, end)));
    tail = tail.slice(end);
  }
  const optional = tail === '?';
  if (!optional && tail !== '' && !tail.startsWith('=')) throw new Error(`"{${text}}" is not a route parameter`);
  return {
    name,
    constraints,
    optional,
    catchAll: stars !== '',
    defaultValue: tail.startsWith('=') ? tail.slice(1) : undefined,
  };
}

function constraintEnd(tail: string): number {
  let depth = 0;
  for (let at = 1; at < tail.length; at += 1) {
    const character = tail.charAt(at);
    if (character === '(') depth += 1;
    else if (character === ')') depth -= 1;
    else if (depth === 0 && (character === ':' || character === '=' || character === '?')) return at;
  }
  return tail.length;
}
