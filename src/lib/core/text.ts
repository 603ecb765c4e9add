/** Returns `; did you mean "…"?` with the candidate closest to the written text, or `''` if none is close. Pure. */
export function didYouMean(written: string, candidates: readonly string[]): string {
  const best = closest(written, candidates);
  return best === undefined ? '' : `; did you mean "${best}"?`;
}

/**
 * Returns the candidate closest to the written text, whatever their case. Pure.
 * @param most Characters that may differ; a third of them if absent: with more it is another word.
 */
export function closest(
  written: string,
  candidates: readonly string[],
  most = Math.max(1, Math.floor(written.length / 3)),
): string | undefined {
  return candidates
    .filter(({ length }) => Math.abs(length - written.length) <= most)
    .map((candidate) => ({ candidate, distance: editDistance(written.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ distance }) => distance <= most)
    .toSorted((one, other) => one.distance - other.distance)[0]?.candidate;
}

/**
 * The ISO 8601 time that a text such as `24.11.2026`, `2026/11/24 9:30` or `2026-13-01` most likely means. Of two numbers that
 * both may be the month, the one in the middle is. Undefined if it is no date. Pure.
 */
export function meantTime(written: string): string | undefined {
  const [, one = '', middle = '', last = '', clock] =
    /^(\d{1,4})[-./ ](\d{1,2})[-./ ](\d{1,4})(?:[T ]+(\d{1,2}:\d{2}))?/i.exec(written.trim()) ?? [];
  const [year, other] = one.length === 4 ? [one, last] : [last, one];
  const [month, day] = Number(middle) > 12 ? [Number(other), Number(middle)] : [Number(middle), Number(other)];
  if (year.length !== 4 || month < 1 || month > 12 || day < 1 || day > 31) return undefined;
  const daysOfMonth = new Date(Date.UTC(Number(year), month, 0)).getUTCDate();
  const date = [year, ...[month, Math.min(day, daysOfMonth)].map((part) => String(part).padStart(2, '0'))].join('-');
  return clock === undefined ? date : `${date}T${clock.padStart(5, '0')}:00Z`;
}

/** Optimal string alignment distance: each insertion, deletion, substitution and swap of neighbours counts one. */
function editDistance(one: string, other: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let row = 1; row <= one.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= other.length; column += 1) {
      const cost = one[row - 1] === other[column - 1] ? 0 : 1;
      const swapped = row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      current[column] = Math.min(
        at(previous, column) + 1,
        at(current, column - 1) + 1,
        at(previous, column - 1) + cost,
        swapped ? at(beforePrevious, column - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    beforePrevious = previous;
    previous = current;
  }
  return at(previous, other.length);
}

const at = (row: readonly number[], column: number): number => row[column] ?? Number.POSITIVE_INFINITY;

/**
 * Characters that a terminal or a browser obeys instead of showing: control characters (they start escape sequences and
 * lines), line and paragraph separators, and controls of the writing direction (Unicode Standard Annex 9). Also halves of
 * characters. Invisible characters that belong to names, such as the joiners in emoji, are not among them.
 */
const commands = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/**
 * The first character of what a pipeline obeys in its log: `##[` and `##vso[` anywhere in a line, `::name` at its beginning
 * (ActionCommand.cs of actions/runner; "Logging commands" of Azure Pipelines).
 */
const pipelineCommands = /#(?=#(?:vso)?\[)|(?<!\S):(?=:[a-z-]+(?: |::))/gi;

const short: Readonly<Record<string, string>> = { '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

const escaped = (character: string): string =>
  short[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** The line with nothing in it that commands a pipeline: JSON escape sequences take the place of such characters. */
export const withoutPipelineCommands = (line: string): string => line.replaceAll(pipelineCommands, escaped);

/**
 * Shows a text from outside, such as the name of a customer, on one line, and nowhere as a command: each character of
 * `commands` and `pipelineCommands` becomes its JSON escape sequence.
 */
export const visibleText = (text: string): string => withoutPipelineCommands(text.replaceAll(commands, escaped));

/** One line of JSON. Such characters are escaped, so it is safe to show and has the same value. */
export const visibleJson = (value: unknown): string => visibleText(JSON.stringify(value));

const lineBreaks = new Set(['\n', '\r', '\t']);

/** Shows UTF-8 text of several lines in the same way, except for tabs and line breaks. */
export async function* visibleBlocks(blocks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  for await (const block of blocks) {
    const text = decoder.decode(block, { stream: true });
    yield text.replaceAll(commands, (character, index: number) =>
      lineBreaks.has(character) && (character !== '\r' || text[index + 1] === '\n') ? character : escaped(character),
    );
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The text of UTF-8 bytes, without a byte order mark. Undefined for other bytes: none is replaced (RFC 8259 section 8.1). */
export function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** What of a broker's sign-in names its applications. */
export interface NamedApplications {
  readonly tenantId: string;
  /** The delegated scope of the broker's own application: `api://TENANT/NAME/access_as_user`. */
  readonly scope: string;
}

/** What the last part of an App ID URI may be. `ptb setup api` finds the applications of a broker by it. */
export const applicationUriNamePattern = /^[a-z0-9][a-z0-9-]{1,62}$/;

/** Letters, digits, dots and hyphens, of which a shell makes nothing else. */
const plainWord = /^[A-Za-z0-9.-]+$/;

/**
 * `ptb setup api` for the applications of one broker. Without `--name`, the command would create another pair.
 * @param broker undefined: it is not known, and the command has the placeholders `TENANT_ID` and `NAME`. A part that no
 * broker has becomes a placeholder too, because people paste the command into a shell.
 * @param options the rest of the command.
 */
export function setupApiCommand(broker: NamedApplications | undefined, options: string): string {
  const { tenantId = '', scope = '' } = broker ?? {};
  const parts = scope.split('/');
  const name = parts.length === 5 ? (parts[3] ?? '') : '';
  const tenant = plainWord.test(tenantId) ? tenantId : 'TENANT_ID';
  const named = applicationUriNamePattern.test(name) ? name : 'NAME';
  return `ptb setup api --partner-tenant ${tenant} --name ${named} ${options}`;
}

/** How many names a sentence lists. */
const maxListed = 20;

/** With a capital at the start. */
export const capitalized = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;

/** Names for a sentence. */
export const listed = (names: readonly string[]): string =>
  names.length > maxListed
    ? `${names.slice(0, maxListed).join(', ')} and ${names.length - maxListed} more`
    : names.join(', ');

/** What a run was asked to visit, in words. */
export function requestedText({
  tenants,
  except,
}: {
  readonly tenants?: readonly string[] | undefined;
  readonly except?: readonly string[] | undefined;
}): string {
  const named = tenants === undefined ? 'all' : listed(tenants);
  return except === undefined ? named : `${named}, except ${listed(except)}`;
}

/** Length of a reason in characters. A shorter one explains nothing. Not beside its schema, for pages without zod. */
export const reasonLength = { least: 10, most: 500 } as const;
