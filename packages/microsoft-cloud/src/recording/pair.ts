import { methods } from 'graph-permissions/permission-map';

/** A request to Microsoft Graph and its reply, without anything that names a customer. One line of a recording. */
export interface Pair {
  /** What the pair shows. For an example of the documentation: the title of its page. */
  readonly title?: string;
  /** Set if the reply shows some of the properties only, as examples of the documentation do. */
  readonly isPartial?: true;
  readonly request: {
    readonly method: string;
    /** With version and query: `/v1.0/users?$top=1`. */
    readonly path: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: unknown;
    /** Set if the request had no token. */
    readonly isAnonymous?: true;
  };
  readonly response: {
    readonly status: number;
    /** Names in lower case. */
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: unknown;
    /** Facts about the list in the body, from before its values were replaced and most of its items left out. */
    readonly list?: {
      /** Whether its items were in the order that `$orderby` asks for. Absent if their values do not tell. */
      readonly isSorted?: boolean;
      /** Whether it had no more items than `$top` allows. */
      readonly isWithinTop?: boolean;
    };
  };
}

/** Characters that a terminal obeys instead of showing: control characters, and controls of the writing direction (UAX 9). */
const commands = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;

/**
 * Names and texts of a pair are safe to print.
 * @param text JSON Lines: a pair on each line.
 * @throws TypeError with the number of the line that is no pair.
 */
export function parsePairs(text: string): readonly Pair[] {
  return text
    .split('\n')
    .map((line, index) => ({ line: line.trim(), number: index + 1 }))
    .filter(({ line }) => line !== '')
    .map(({ line, number }) => parsePair(line, number));
}

function parsePair(line: string, number: number): Pair {
  const refuse = (reason: string): never => {
    throw new TypeError(`Line ${number} is no pair: ${reason}.`);
  };
  let value: unknown;
  let isPrintable = true;
  try {
    value = JSON.parse(line, (name, content: unknown) => {
      isPrintable &&= !commands.test(name) && (typeof content !== 'string' || !commands.test(content));
      return content;
    });
  } catch {
    return refuse('it is not JSON');
  }
  if (!isPrintable) return refuse('it holds control characters, which no recorder writes');
  const { request, response } = recordOf(value);
  const { method, path } = recordOf(request);
  const { status, headers } = recordOf(response);
  if (!methods.some((each) => each === method)) return refuse(`request.method must be one of ${methods.join(', ')}`);
  if (typeof path !== 'string' || !/^\/(?:v1\.0|beta)\//.test(path))
    return refuse('request.path must start with /v1.0/ or /beta/');
  if (typeof status !== 'number' || !Number.isInteger(status)) return refuse('response.status must be a number');
  if (typeof headers !== 'object' || headers === null) return refuse('response.headers must be an object');
  return value as Pair;
}

/** The properties of an object; none for anything else. */
export const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
