import { BrokerError } from '../../core/errors.ts';
import { answerLimits, JsonTextError, scanSteps, stringAt } from '../../core/json.ts';
import { utf8Text } from '../../core/text.ts';
import { joinSteps, pieceLength, itemsAtOnce } from '../../core/turns.ts';
import { type AnswerLimits, typeAnnotations, visibleParts } from '../../judge/verdict.ts';
import type { RewriteLink } from './gateway-links.ts';

/** An answer of a resource. Header names are lower case. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface AnswerRules {
  readonly limits: AnswerLimits;
  readonly rewriteLink: RewriteLink;
}

/**
 * The answer as the caller may see it: without the properties and objects that the rule does not cover, and with links that
 * lead back to the gateway. An error that is not JSON keeps its status and loses its text, which may quote an address.
 * A large one is read in steps, between which others may have their turn.
 * @throws BrokerError resource_error for an answer that the gateway cannot read, or with a link to another host.
 */
export function* rewriteAnswer({ status, headers, body }: Answer, rules: AnswerRules): Generator<void, Answer> {
  const { location, ...others } = headers;
  const moved = location === undefined ? undefined : rules.rewriteLink(location);
  const kept = moved === undefined ? others : { ...others, location: moved };
  if (body.length === 0) return { status, headers: kept, body };
  const isSuccess = status >= 200 && status <= 299;
  if (isJson(headers['content-type']))
    return { status, headers: kept, body: yield* rewriteJson(body, rules, isSuccess) };
  if (isSuccess && rules.limits.anyFormat) return { status, headers: kept, body };
  if (isSuccess) throw new BrokerError('resource_error', 'The resource answers with something else than JSON.');
  const { 'content-type': _, ...withoutType } = kept;
  return { status, headers: withoutType, body: new Uint8Array() };
}

/** Whether a body of this content type is JSON. */
export const isJson = (contentType: string | undefined): boolean =>
  /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(contentType ?? '');

function* rewriteJson(body: Uint8Array, rules: AnswerRules, isSuccess: boolean): Generator<void, Uint8Array> {
  const text = utf8Text(body);
  yield;
  if (text === undefined) throw new BrokerError('resource_error', 'The resource answers with text that is not UTF-8.');
  // An error is no object of the directory.
  const limits = isSuccess ? rules.limits : { ...rules.limits, typedMembers: [] };
  const names = namesOf(limits);
  // Most answers have nothing to change. An escaped letter could hide a name.
  if (!limits.typedMembers?.length && !(yield* includesOne(text, [String.raw`\u00`, ...names]))) return body;
  try {
    return yield* encodeSteps(yield* editSteps(text, editsFor({ ...rules, limits })));
  } catch (error) {
    if (!(error instanceof JsonTextError)) throw error;
    throw new BrokerError('resource_error', 'The resource answers with JSON that cannot be read.', { cause: error });
  }
}

/** Whether a text contains one of these, in steps. */
function* includesOne(text: string, sought: readonly string[]): Generator<void, boolean> {
  const longest = Math.max(...sought.map(({ length }) => length));
  for (let at = 0; at < text.length; at += pieceLength) {
    const piece = text.slice(at, at + pieceLength + longest);
    if (sought.some((each) => piece.includes(each))) return true;
    yield;
  }
  return false;
}

/** The bytes of a text, in steps. */
function* encodeSteps(text: string): Generator<void, Uint8Array> {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < text.length; yield) {
    const end = at + pieceLength;
    // The two halves of a character stay together.
    const next = (text.charCodeAt(end - 1) & 0xfc00) === 0xd800 ? end + 1 : end;
    parts.push(Buffer.from(text.slice(at, next)));
    at = next;
  }
  return yield* joinSteps(parts);
}

/** OData 4.01 allows the annotations without `odata.` ("OData JSON Format", section 4.6.4). */
const linkNames = ['@odata.nextLink', '@odata.deltaLink', '@nextLink', '@deltaLink'];

const plainName = 'nextLink';

const namesOf = ({ remove, readableTypes, plainLinks = false }: AnswerLimits): readonly string[] => [
  ...remove,
  ...linkNames,
  ...(plainLinks ? [plainName] : []),
  ...(readableTypes === undefined ? [] : typeAnnotations),
];

function editsFor({ limits, rewriteLink }: AnswerRules): JsonEdits {
  const { hides, kept } = visibleParts(limits);
  let links = 0;
  return {
    member: (name, text, within) => {
      if (hides(name)) return 'drop';
      if (!isLink(name) && !isPlainLink(name, limits, within)) return undefined;
      const link = text();
      if (link === undefined || (link === '' && !isLink(name))) return undefined;
      if ((links += 1) > maximumLinks)
        throw new BrokerError(
          'resource_error',
          `The resource answers with more than ${maximumLinks} links. Ask for fewer objects, for example with $top.`,
        );
      const rewritten = rewriteLink(link);
      if (rewritten !== undefined) return { value: JSON.stringify(rewritten) };
      throw new BrokerError('resource_error', 'The resource answers with a link to another host.');
    },
    object: kept,
  };
}

const isLink = (name: string): boolean => linkNames.some((link) => name.endsWith(link));

/** At the end, some services write an empty text. */
const isPlainLink = (name: string, { plainLinks = false }: AnswerLimits, within: readonly string[]): boolean =>
  plainLinks && name === plainName && within.length === 0;

/** A member of an object in a JSON text. */
interface Member {
  readonly name: string;
  /** The value, if it is a text. Read when it is asked for: few are, and some are long. */
  readonly text: string | undefined;
  /** Name and value as JSON. */
  readonly json: string;
}

/** What to change in a JSON text. */
export interface JsonEdits {
  /**
   * The JSON of the value to put in place; `drop` removes the member, undefined leaves it.
   * @param text reads the value; undefined if it is no text.
   * @param within As for `object`.
   */
  member(
    name: string,
    text: () => string | undefined,
    within: readonly string[],
  ): { readonly value: string } | 'drop' | undefined;
  /**
   * The members that an object keeps; undefined for all. Called after its members were edited.
   * @param within The names of the members that the object is in, from the outside. It changes after the call.
   */
  object(members: readonly Member[], within: readonly string[]): readonly Member[] | undefined;
}

const noText = (): string | undefined => undefined;

/** A batch of twenty pages has 20,000 objects. Each link becomes longer, so with many more of them the answer would not stay small. */
const maximumLinks = 50_000;

/** An object or array whose end was not read yet. */
interface Level {
  readonly from: number;
  readonly members: Member[];
  /** A member of the object was edited or dropped. */
  isChanged: boolean;
  /** Where the name of the current member stands. */
  key: { readonly from: number; readonly to: number };
  /** What changed in the array, with what stands before it. Many pieces become one: to join all at the end takes long. */
  readonly pieces: string[];
  readonly joined: string[];
  /** The text before this index is in the pieces. */
  copied: number;
}

/**
 * Edits a JSON text. What is not edited stays as it is written: parsing and writing it again would round large numbers and
 * drop repeated names. Takes time linear in the text's length, in steps, and builds nothing for what stays.
 * @returns the whole text. Blanks around an edited one are left out.
 * @throws JsonTextError
 */
export function* editSteps(source: string, edits: JsonEdits): Generator<void, string> {
  const open: Level[] = [];
  const within: string[] = [];
  let whole = source;
  const value = (from: number, to: number, edited: string | undefined, text = noText): void => {
    const level = open.at(-1);
    if (level === undefined) whole = edited ?? source;
    else if (source[level.from] === '[') {
      if (edited === undefined) return;
      level.pieces.push(source.slice(level.copied, from), edited);
      if (level.pieces.length >= itemsAtOnce) level.joined.push(level.pieces.splice(0).join(''));
      level.copied = to;
    } else {
      const { key } = level;
      const name = within.pop() ?? '';
      const edit = edits.member(name, text, within);
      level.isChanged ||= edit !== undefined || edited !== undefined;
      if (edit === 'drop') return;
      const written = edit === undefined ? edited : edit.value;
      const json = written === undefined ? source.slice(key.from, to) : `${source.slice(key.from, key.to)}:${written}`;
      level.members.push({
        name,
        get text() {
          return text();
        },
        json,
      });
    }
  };
  const editedObject = ({ members, isChanged }: Level): string | undefined => {
    const kept = edits.object(members, within);
    return kept === undefined && !isChanged ? undefined : `{${(kept ?? members).map(({ json }) => json).join(',')}}`;
  };
  yield* scanSteps(
    source,
    (token, from, to) => {
      const level = open.at(-1);
      if (token === '{' || token === '[') {
        open.push({
          from,
          members: [],
          isChanged: false,
          key: { from, to },
          pieces: [],
          joined: [],
          copied: from,
        });
      } else if (token === 'name' && level !== undefined) {
        level.key = { from, to };
        within.push(stringAt(source, from, to));
      } else if (level !== undefined && (token === '}' || token === ']')) {
        open.pop();
        const { pieces, joined, copied } = level;
        const edited =
          token === '}'
            ? editedObject(level)
            : copied === level.from
              ? undefined
              : [...joined, ...pieces, source.slice(copied, to)].join('');
        value(level.from, to, edited);
      } else value(from, to, undefined, token === 'string' ? () => stringAt(source, from, to) : noText);
    },
    answerLimits,
  );
  return whole;
}
