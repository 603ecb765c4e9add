/** A member of an object in a JSON text. */
interface Member {
  readonly name: string;
  /** The value, if it is a text. */
  readonly text: string | undefined;
  /** Name and value as JSON. */
  readonly json: string;
}

/** What to change in a JSON text. */
export interface JsonEdits {
  /**
   * The JSON of the value to put in place; `drop` removes the member, undefined leaves it.
   * @param within As for `object`.
   */
  member(
    name: string,
    text: string | undefined,
    within: readonly string[],
  ): { readonly value: string } | 'drop' | undefined;
  /**
   * The members that an object keeps; undefined for all. Called after its members were edited.
   * @param within The names of the members that the object is in, from the outside. It changes after the call.
   */
  object(members: readonly Member[], within: readonly string[]): readonly Member[] | undefined;
}

/** Thrown for a text that is no JSON, or is nested too deeply. */
export class JsonTextError extends Error {
  override readonly name = 'JsonTextError';
}

/** Graph's answers are nested less than ten levels. */
const maximumDepth = 64;
/** Graph's objects have less than 200 members. All members of an object are held until its end. */
const maximumMembers = 10_000;

/**
 * Edits a JSON text. What is not edited stays as it is written: parsing and writing it again would round large numbers and
 * drop repeated names. Takes time linear in the text's length, and builds nothing for what stays.
 * @throws JsonTextError
 */
export function editJson(text: string, edits: JsonEdits): string {
  return new Editor(text, edits).whole();
}

/** What was read. */
interface Piece {
  /** Undefined if nothing changed. */
  readonly edited: string | undefined;
  /** The value, if it is a text. */
  readonly text: string | undefined;
}

const unedited: Piece = { edited: undefined, text: undefined };
/** RFC 8259 sections 2, 3 and 6. */
const scalar = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/y;
const blank = /[ \t\n\r]*/y;

/** The text of a JSON string. @throws JsonTextError */
function unquoted(json: string): string {
  if (!json.includes('\\') && !/\p{Cc}/u.test(json)) return json.slice(1, -1);
  try {
    return JSON.parse(json) as string;
  } catch {
    throw new JsonTextError('a text is no JSON');
  }
}

/** Walks through a text, and makes sure that it is JSON. */
class Editor {
  readonly #source: string;
  readonly #edits: JsonEdits;
  readonly #within: string[] = [];
  #at = 0;

  constructor(source: string, edits: JsonEdits) {
    this.#source = source;
    this.#edits = edits;
  }

  /** The whole text, edited. Blanks around it may be left out. */
  whole(): string {
    this.#skip(blank);
    const { edited } = this.#value(0);
    this.#skip(blank);
    if (this.#at !== this.#source.length) throw new JsonTextError('something follows the value');
    return edited ?? this.#source;
  }

  #value(depth: number): Piece {
    if (depth > maximumDepth) throw new JsonTextError('the text is nested too deeply');
    switch (this.#source[this.#at]) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#array(depth);
      case '"':
        return { edited: undefined, text: unquoted(this.#string()) };
      default:
        if (!this.#skip(scalar)) throw new JsonTextError('a value is no JSON');
        return unedited;
    }
  }

  #object(depth: number): Piece {
    const members: Member[] = [];
    let count = 0;
    let changed = false;
    for (let more = this.#opens('}'); more; more = this.#continues('}')) {
      if ((count += 1) > maximumMembers) throw new JsonTextError('an object has too many members');
      const from = this.#at;
      const key = this.#string();
      const name = unquoted(key);
      this.#skip(blank);
      this.#expect(':');
      this.#skip(blank);
      this.#within.push(name);
      const value = this.#value(depth + 1);
      this.#within.pop();
      const edit = this.#edits.member(name, value.text, this.#within);
      changed ||= edit !== undefined || value.edited !== undefined;
      if (edit === 'drop') continue;
      const edited = edit === undefined ? value.edited : edit.value;
      const json = edited === undefined ? this.#source.slice(from, this.#at) : `${key}:${edited}`;
      members.push({ name, text: value.text, json });
    }
    const kept = this.#edits.object(members, this.#within);
    if (kept === undefined && !changed) return unedited;
    return { edited: `{${(kept ?? members).map(({ json }) => json).join(',')}}`, text: undefined };
  }

  #array(depth: number): Piece {
    // Only what changes is collected, with what stands before it.
    const pieces: string[] = [];
    let copied = this.#at;
    for (let more = this.#opens(']'); more; more = this.#continues(']')) {
      const from = this.#at;
      const { edited } = this.#value(depth + 1);
      if (edited === undefined) continue;
      pieces.push(this.#source.slice(copied, from), edited);
      copied = this.#at;
    }
    if (pieces.length === 0) return unedited;
    return { edited: `${pieces.join('')}${this.#source.slice(copied, this.#at)}`, text: undefined };
  }

  /** Moves behind an opening bracket to the first member or item. @returns false behind the closing bracket, if there is none. */
  #opens(closing: '}' | ']'): boolean {
    this.#at += 1;
    this.#skip(blank);
    return !this.#closes(closing);
  }

  /** Moves to the next member or item. @returns false behind the closing bracket. */
  #continues(closing: '}' | ']'): boolean {
    this.#skip(blank);
    if (this.#closes(closing)) return false;
    this.#expect(',');
    this.#skip(blank);
    return true;
  }

  #closes(closing: '}' | ']'): boolean {
    if (this.#source[this.#at] !== closing) return false;
    this.#at += 1;
    return true;
  }

  #expect(sign: ',' | ':'): void {
    if (this.#source[this.#at] !== sign) throw new JsonTextError('a comma or colon is missing');
    this.#at += 1;
  }

  /** Reads a string with its quotes. */
  #string(): string {
    const start = this.#at;
    let end = start;
    let slashes = 0;
    if (this.#source[start] !== '"') throw new JsonTextError('a name is missing');
    do {
      end = this.#source.indexOf('"', end + 1);
      if (end === -1) throw new JsonTextError('a text has no end');
      slashes = 0;
      while (this.#source[end - 1 - slashes] === '\\') slashes += 1;
    } while (slashes % 2 === 1);
    this.#at = end + 1;
    return this.#source.slice(start, this.#at);
  }

  /** Moves behind what the pattern finds here. @returns whether it finds something. */
  #skip(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    const found = pattern.test(this.#source);
    if (found) this.#at = pattern.lastIndex;
    return found;
  }
}
