/** A member of an object in a JSON text. */
export interface Member {
  readonly name: string;
  /** The value, if it is a text. */
  readonly text: string | undefined;
  /** Name and value as JSON. */
  readonly json: string;
}

/** What to change in a JSON text. */
export interface JsonEdits {
  /** The JSON of the value to put in place; `drop` removes the member, undefined leaves it. */
  member(name: string, text: string | undefined): { readonly value: string } | 'drop' | undefined;
  /** The members that an object keeps; undefined for all. Called after its members were edited. */
  object(members: readonly Member[]): readonly Member[] | undefined;
}

/** Thrown for a text that is no JSON, or is nested too deeply. */
export class JsonTextError extends Error {
  override readonly name = 'JsonTextError';
}

/** Graph's answers are nested less than ten levels. */
const maximumDepth = 64;

/**
 * Edits a JSON text. What is not edited stays as it is written: parsing and writing it again would round large numbers and
 * drop repeated names. Takes time linear in the text's length.
 * @throws JsonTextError
 */
export function editJson(text: string, edits: JsonEdits): string {
  try {
    JSON.parse(text);
  } catch {
    throw new JsonTextError('the text is no JSON');
  }
  const editor = new Editor(text, edits);
  return editor.value(0).edited ?? text;
}

/** What was read. */
interface Piece {
  /** Undefined if nothing changed. */
  readonly edited: string | undefined;
  /** The value, if it is a text. */
  readonly text: string | undefined;
}

const unedited: Piece = { edited: undefined, text: undefined };
const scalar = /[^,\]}\s]+/y;
const blank = /\s*/y;

/** The text of a JSON string. */
const unquoted = (json: string): string => (json.includes('\\') ? (JSON.parse(json) as string) : json.slice(1, -1));

/** Walks through a text that is known to be JSON. */
class Editor {
  readonly #source: string;
  readonly #edits: JsonEdits;
  #at = 0;

  constructor(source: string, edits: JsonEdits) {
    this.#source = source;
    this.#edits = edits;
  }

  value(depth: number): Piece {
    if (depth > maximumDepth) throw new JsonTextError('the text is nested too deeply');
    this.#skip(blank);
    switch (this.#source[this.#at]) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#array(depth);
      case '"':
        return { edited: undefined, text: unquoted(this.#string()) };
      default:
        this.#skip(scalar);
        return unedited;
    }
  }

  #object(depth: number): Piece {
    const members: Member[] = [];
    let changed = false;
    this.#at += 1;
    for (this.#skip(blank); this.#source[this.#at] !== '}'; this.#next()) {
      const from = this.#at;
      const key = this.#string();
      const name = unquoted(key);
      this.#skip(blank);
      this.#at += 1; // The colon.
      const value = this.value(depth + 1);
      const edit = this.#edits.member(name, value.text);
      changed ||= edit !== undefined || value.edited !== undefined;
      if (edit === 'drop') continue;
      const edited = edit === undefined ? value.edited : edit.value;
      const json = edited === undefined ? this.#source.slice(from, this.#at) : `${key}:${edited}`;
      members.push({ name, text: value.text, json });
    }
    this.#at += 1;
    const kept = this.#edits.object(members);
    if (kept === undefined && !changed) return unedited;
    return { edited: `{${(kept ?? members).map(({ json }) => json).join(',')}}`, text: undefined };
  }

  #array(depth: number): Piece {
    const items: string[] = [];
    let changed = false;
    this.#at += 1;
    for (this.#skip(blank); this.#source[this.#at] !== ']'; this.#next()) {
      const from = this.#at;
      const { edited } = this.value(depth + 1);
      changed ||= edited !== undefined;
      items.push(edited ?? this.#source.slice(from, this.#at));
    }
    this.#at += 1;
    return changed ? { edited: `[${items.join(',')}]`, text: undefined } : unedited;
  }

  /** Moves to the next member or item, or to the closing bracket. */
  #next(): void {
    this.#skip(blank);
    if (this.#source[this.#at] === ',') this.#at += 1;
    this.#skip(blank);
  }

  /** Reads a string with its quotes. */
  #string(): string {
    const start = this.#at;
    let end = start;
    let slashes = 0;
    do {
      end = this.#source.indexOf('"', end + 1);
      slashes = 0;
      while (this.#source[end - 1 - slashes] === '\\') slashes += 1;
    } while (slashes % 2 === 1);
    this.#at = end + 1;
    return this.#source.slice(start, this.#at);
  }

  #skip(pattern: RegExp): void {
    pattern.lastIndex = this.#at;
    if (pattern.test(this.#source)) this.#at = pattern.lastIndex;
  }
}
