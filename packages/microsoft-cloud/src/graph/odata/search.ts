import type { TypeInfo } from '../schema/schema.ts';
import { QueryError } from './tokens.ts';
import type { Item } from './typed.ts';

type Matches = (row: Item) => boolean;

const tokenPattern = /\s*(?:"((?:[^"\\]|\\.)*)"|([()])|([^\s()"]+))/y;

/** What `$search` may look at. */
export interface SearchScope {
  readonly type: TypeInfo;
  /** Properties that are searched. */
  readonly searched: readonly string[];
  /** Whether each clause must name its property, as `"displayName:ann"`: in the directory. */
  readonly named: boolean;
}

/**
 * Compiles `$search`: clauses in double quotes, `AND`, `OR` and parentheses. A clause finds words that start with its
 * words. Source: "Use the $search query parameter".
 * @throws QueryError
 */
export function compileSearch(source: string, scope: SearchScope): Matches {
  const parser = new SearchParser(tokensOf(source), scope, source);
  return parser.parse();
}

type Token = { readonly text: string; readonly quoted: boolean };

function tokensOf(source: string): readonly Token[] {
  const tokens: Token[] = [];
  tokenPattern.lastIndex = 0;
  const text = source.trimEnd();
  while (tokenPattern.lastIndex < text.length) {
    const found = tokenPattern.exec(text);
    if (found === null) throw syntaxError(source);
    const [, quoted, sign, word] = found;
    tokens.push(
      quoted === undefined
        ? { text: sign ?? word ?? '', quoted: false }
        : { text: quoted.replaceAll(/\\(.)/g, '$1'), quoted: true },
    );
  }
  return tokens;
}

const syntaxError = (source: string): QueryError =>
  new QueryError(`Syntax error: character in '${source}' is not valid in a $search expression.`);

class SearchParser {
  readonly #tokens: readonly Token[];
  readonly #scope: SearchScope;
  readonly #source: string;
  #at = 0;

  constructor(tokens: readonly Token[], scope: SearchScope, source: string) {
    this.#tokens = tokens;
    this.#scope = scope;
    this.#source = source;
  }

  parse(): Matches {
    const matches = this.#or();
    if (this.#at < this.#tokens.length) throw syntaxError(this.#source);
    return matches;
  }

  #or(): Matches {
    let left = this.#and();
    while (this.#take('OR')) {
      const [first, second] = [left, this.#and()];
      left = (row) => first(row) || second(row);
    }
    return left;
  }

  #and(): Matches {
    let left = this.#clause();
    while (this.#take('AND') || this.#tokens[this.#at]?.quoted === true) {
      const [first, second] = [left, this.#clause()];
      left = (row) => first(row) && second(row);
    }
    return left;
  }

  #clause(): Matches {
    if (this.#take('(')) {
      const inner = this.#or();
      if (!this.#take(')')) throw syntaxError(this.#source);
      return inner;
    }
    const token = this.#tokens[this.#at];
    if (token === undefined || (!token.quoted && this.#scope.named)) throw syntaxError(this.#source);
    this.#at += 1;
    return clauseOf(token.text, this.#scope, this.#source);
  }

  #take(word: string): boolean {
    const token = this.#tokens[this.#at];
    if (token === undefined || token.quoted || token.text !== word) return false;
    this.#at += 1;
    return true;
  }
}

function clauseOf(text: string, { type, searched, named }: SearchScope, source: string): Matches {
  const [, name, value = ''] = /^([A-Za-z]\w*):(.*)$/s.exec(text) ?? [];
  if (name === undefined) {
    if (named) throw syntaxError(source);
    return (row) => searched.some((each) => finds(row[each], text));
  }
  const property = type.find(name);
  if (property === undefined)
    throw new QueryError(`Could not find a property named '${name}' on type 'microsoft.graph.${type.name}'.`);
  if (!searched.includes(property.name))
    throw new QueryError(`The property '${property.name}' does not support $search.`);
  return (row) => finds(row[property.name], value);
}

function finds(value: unknown, wanted: string): boolean {
  if (Array.isArray(value)) return value.some((each) => finds(each, wanted));
  if (typeof value !== 'string') return false;
  const text = value.toLowerCase();
  if (text.startsWith(wanted.toLowerCase())) return true;
  const words = wordsOf(text);
  return wordsOf(wanted.toLowerCase()).every((part) => words.some((word) => word.startsWith(part)));
}

const wordsOf = (text: string): readonly string[] => text.match(/[\p{L}\p{N}]+/gu) ?? [];
