import type { Tokens } from './tokens.ts';

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
