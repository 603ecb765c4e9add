import { unreadable } from '../refusal.ts';

/** A token of a query option ("OData Version 4.01 ABNF"). `name` may be qualified or start with a dollar sign. */
export interface Token {
  readonly kind: 'string' | 'value' | 'name' | 'mark';
  readonly text: string;
}

const pattern =
  /\s+|(?<string>'(?:[^']|'')*')|(?<value>(?:\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|-?\d+(?:\.\d+)?)(?![\w.-]))|(?<name>\$?[a-z_]\w*(?:\.[a-z_]\w*)*(?![\w.-]))|(?<mark>[(),/:;=])/giy;

/** Longest option in tokens. 16,384 characters of conditions on ids have about 1,500. */
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
