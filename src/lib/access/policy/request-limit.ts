/** All items, or the listed ones. */
export type AllowList = '*' | ReadonlySet<string>;

/** A list of a policy as an allow list. Ids, domains and aliases ignore case. */
export const allowListOf = (items: readonly string[]): AllowList =>
  items.includes('*') ? '*' : new Set(items.map((item) => item.toLowerCase()));

/** Whether a list contains an item, given in lower case. What is unknown is only in `"*"`. */
export const allows = (list: AllowList, item: string | undefined): boolean =>
  list === '*' || (item !== undefined && list.has(item));

/** The methods that the gateway sends. */
export const requestMethods = ['GET', 'POST', 'PATCH', 'PUT', 'DELETE'] as const;

/** `requests` as written in a rule. */
interface RequestsDocument {
  readonly methods?: readonly string[] | undefined;
  readonly paths?: readonly string[] | undefined;
  readonly cmdlets?: Readonly<Record<string, readonly string[]>> | undefined;
}

/** The requests that a rule allows through the gateway. */
export interface RequestLimit {
  /** Undefined: all. */
  readonly methods: ReadonlySet<string> | undefined;
  /** Patterns of paths, as segments. Undefined: all. */
  readonly paths: readonly (readonly string[])[] | undefined;
  /** Cmdlets of Exchange in lower case, and the parameters in lower case that each may have. Undefined: none. */
  readonly cmdlets: ReadonlyMap<string, AllowList> | undefined;
}

const segmentsOf = (path: string): readonly string[] => path.slice(1).split('/');

/** Compiles `requests` of a rule. */
export const requestLimitOf = ({ methods, paths, cmdlets }: RequestsDocument): RequestLimit => ({
  methods: methods && new Set(methods),
  paths: paths?.map(segmentsOf),
  cmdlets:
    cmdlets && new Map(Object.entries(cmdlets).map(([name, list]) => [name.toLowerCase(), allowListOf(list)] as const)),
});

/** Whether a path matches a pattern: `*` stands for one segment, `**` at the end for the rest, which may be nothing. */
function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  for (const [index, expected] of pattern.entries()) {
    if (expected === '**') return true;
    const segment = segments[index];
    if (segment === undefined || (expected !== '*' && expected !== segment)) return false;
  }
  return segments.length === pattern.length;
}

/** How the resource compares paths. */
export interface Comparison {
  readonly ignoreCase: boolean;
  /** Segments, in lower case and by position, that open only to a pattern which names them itself. */
  readonly namedOnly: readonly (string | undefined)[];
}

/** Graph ignores case. `/beta`, and `/me` below a version, hold what a wildcard is not meant to cover. */
export const graphPaths: Comparison = { ignoreCase: true, namedOnly: ['beta', 'me'] };

/** Of other resources nothing is known. */
export const otherPaths: Comparison = { ignoreCase: false, namedOnly: [] };

/** Whether the patterns of a rule open a path. @param path Canonical, with its leading slash and without query. */
export function opensPath({ paths }: RequestLimit, path: string, { ignoreCase, namedOnly }: Comparison): boolean {
  if (paths === undefined) return true;
  const compared = (text: string): string => (ignoreCase ? text.toLowerCase() : text);
  const segments = segmentsOf(compared(path));
  const named = namedOnly.flatMap((name, position) => (name === segments[position] ? [{ name, position }] : []));
  return paths
    .map((pattern) => pattern.map(compared))
    .some((pattern) => matches(pattern, segments) && named.every(({ name, position }) => pattern[position] === name));
}

/** Whether a rule opens a method. */
export const opensMethod = ({ methods }: RequestLimit, method: string): boolean => methods?.has(method) ?? true;

/** Whether any pattern names a segment at a position itself. Of a path, `opensPath` decides by the pattern that matches. */
export const namesSegment = (limit: RequestLimit | undefined, position: number, name: string): boolean =>
  limit?.paths?.some((pattern) => pattern[position]?.toLowerCase() === name) ?? false;

/**
 * Returns why a rule does not open a cmdlet with these parameters; undefined if it does. PowerShell ignores case.
 * @param parameters Names.
 */
export function cmdletRefusal(
  { cmdlets }: RequestLimit,
  cmdlet: string,
  parameters: readonly string[],
): string | undefined {
  const allowed = cmdlets?.get(cmdlet.toLowerCase());
  if (allowed === undefined) return `The rule does not list the cmdlet ${cmdlet}; use one that it lists.`;
  const excess = parameters.filter((name) => !allows(allowed, name.toLowerCase()));
  if (excess.length === 0) return undefined;
  return `The rule does not list the parameters ${excess.join(', ')} of ${cmdlet}; leave them out.`;
}
