import { unreadable } from '../verdict.ts';

/** A token of a query option ("OData Version 4.01 ABNF"). `name` may be qualified or start with a dollar sign. */
interface Token {
  readonly kind: 'string' | 'value' | 'name' | 'mark';
  readonly text: string;
}

const pattern =
  /\s+|(?<string>'(?:[^']|'')*')|(?<value>(?:\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|-?\d+(?:\.\d+)?)(?![\w.-]))|(?<name>\$?[a-z_]\w*(?:\.[a-z_]\w*)*(?![\w.-]))|(?<mark>[(),/:;=])/giy;

/** Longest option in tokens. 5,000 characters of conditions on ids have about 500. */
const maximumTokens = 2_000;

/**
 * Splits the decoded value of a query option.
 * @throws Refusal for text that is no token, and for too many of them.
 */
export function tokensOf(text: string, option: string): Tokens {
  const tokens: Token[] = [];
  pattern.lastIndex = 0;
  while (pattern.lastIndex < text.length) {
    const groups = pattern.exec(text)?.groups;
    if (groups === undefined) {
      pattern.lastIndex = 0;
      throw unreadable(`$${option} contains text that cannot be read; put values in single quotes.`);
    }
    for (const kind of ['string', 'value', 'name', 'mark'] as const) {
      const found = groups[kind];
      if (found !== undefined) tokens.push({ kind, text: found });
    }
    if (tokens.length > maximumTokens) {
      throw unreadable(`$${option} has more than ${maximumTokens} words and marks; send several requests.`);
    }
  }
  return new Tokens(tokens, option);
}

/** A position in a list of tokens. */
export class Tokens {
  readonly #tokens: readonly Token[];
  readonly option: string;
  #at = 0;

  constructor(tokens: readonly Token[], option: string) {
    this.#tokens = tokens;
    this.option = option;
  }

  get atEnd(): boolean {
    return this.#at >= this.#tokens.length;
  }

  /** The next token, or the one after it. */
  peek(ahead = 0): Token | undefined {
    return this.#tokens[this.#at + ahead];
  }

  /** @throws Refusal at the end. */
  next(): Token {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw this.refusal('ends too early');
    this.#at += 1;
    return token;
  }

  isMark(text: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token?.kind === 'mark' && token.text === text;
  }

  /** Takes a mark if it is next. */
  take(text: string): boolean {
    const found = this.isMark(text);
    if (found) this.#at += 1;
    return found;
  }

  /** @throws Refusal if another token is next. */
  expect(text: string): void {
    if (!this.take(text)) throw this.refusal(`lacks "${text}"`);
  }

  refusal(what: string): Error {
    return unreadable(`$${this.option} cannot be read: it ${what}; write it as the OData documentation shows.`);
  }
}

/** A property path that a query reads, for example `manager/id`. */
export interface PropertyPath {
  readonly names: readonly string[];
  /** Used as a collection: `members/any(…)`, `members/$count`. */
  readonly collection: boolean;
}

const operators = new Set('eq ne gt ge lt le and or in has add sub mul div mod'.split(' '));
const literals = new Set(['true', 'false', 'null']);
/** Functions whose result depends only on their arguments. */
const functions = new Set(
  'startswith endswith contains indexof length substring tolower toupper trim concat year month day hour minute second date time now round floor ceiling isof'.split(
    ' ',
  ),
);
const maximumDepth = 20;

/** Variables of lambda expressions, and the paths that they stand for. */
type Variables = ReadonlyMap<string, readonly string[]>;

/**
 * Reads an expression of `$filter` and returns the property paths that it uses. Precedence does not matter for that.
 * Stops before a token that ends an expression inside `$expand`.
 * @throws Refusal for functions that are not listed, casts, `$it`, `$root` and parameter aliases.
 */
export function readFilter(tokens: Tokens): readonly PropertyPath[] {
  const reader = new FilterReader(tokens);
  reader.expression(new Map(), 0);
  return reader.used;
}

class FilterReader {
  readonly used: PropertyPath[] = [];
  readonly #tokens: Tokens;

  constructor(tokens: Tokens) {
    this.#tokens = tokens;
  }

  expression(variables: Variables, depth: number): void {
    if (depth > maximumDepth) throw this.#tokens.refusal(`nests deeper than ${maximumDepth} levels`);
    this.#operand(variables, depth);
    while (this.#isName(operators)) {
      this.#tokens.next();
      this.#operand(variables, depth);
    }
  }

  #isName(names: ReadonlySet<string>): boolean {
    const token = this.#tokens.peek();
    return token?.kind === 'name' && names.has(token.text.toLowerCase());
  }

  #operand(variables: Variables, depth: number): void {
    if (this.#isName(new Set(['not']))) {
      this.#tokens.next();
      this.#operand(variables, depth);
    } else if (this.#tokens.take('(')) {
      this.#list(variables, depth);
    } else {
      const token = this.#tokens.next();
      if (token.kind === 'mark') throw this.#tokens.refusal(`has "${token.text}" where a value is expected`);
      if (token.kind === 'name') this.#name(token.text, variables, depth);
    }
  }

  /** Expressions separated by commas, up to the closing parenthesis. */
  #list(variables: Variables, depth: number): void {
    do this.expression(variables, depth + 1);
    while (this.#tokens.take(','));
    this.#tokens.expect(')');
  }

  #name(name: string, variables: Variables, depth: number): void {
    const lower = name.toLowerCase();
    // An enumeration value or a duration: a name directly before a string.
    if (this.#tokens.peek()?.kind === 'string') {
      this.#tokens.next();
    } else if (this.#tokens.take('(')) {
      if (!functions.has(lower)) throw this.#tokens.refusal('calls a function that the gateway does not know');
      if (lower === 'isof') this.#type();
      else if (!this.#tokens.take(')')) this.#list(variables, depth);
    } else if (!literals.has(lower)) {
      this.#path(name, variables, depth);
    }
  }

  /** The argument of `isof`: a type, quoted or not. */
  #type(): void {
    const { kind, text } = this.#tokens.next();
    if (kind !== 'string' && !(kind === 'name' && text.includes('.')))
      throw this.#tokens.refusal('names no type in isof');
    this.#tokens.expect(')');
  }

  #path(first: string, variables: Variables, depth: number): void {
    const names = [...(variables.get(first) ?? [simple(first, this.#tokens)])];
    while (this.#tokens.take('/')) {
      const { kind, text } = this.#tokens.next();
      if (kind !== 'name') throw this.#tokens.refusal('has a slash that no name follows');
      if (text === '$count') {
        this.used.push({ names, collection: true });
        return;
      }
      if (this.#tokens.isMark('(')) {
        this.#lambda(text, names, { variables, depth });
        return;
      }
      names.push(simple(text, this.#tokens));
    }
    this.used.push({ names, collection: false });
  }

  #lambda(
    operator: string,
    names: readonly string[],
    { variables, depth }: { variables: Variables; depth: number },
  ): void {
    if (operator !== 'any' && operator !== 'all') throw this.#tokens.refusal('uses an operator other than any and all');
    this.used.push({ names, collection: true });
    this.#tokens.expect('(');
    if (this.#tokens.take(')')) return;
    const variable = simple(this.#tokens.next().text, this.#tokens);
    this.#tokens.expect(':');
    this.expression(new Map([...variables, [variable, names]]), depth + 1);
    this.#tokens.expect(')');
  }
}

/** A name without namespace or dollar sign. */
export function simple(name: string, tokens: Tokens): string {
  if (!/^[A-Za-z_]\w*$/.test(name))
    throw tokens.refusal('contains a type name, $it, $root or a value in place of a property');
  return name;
}
