import type { ComparisonOperator, Expression, Literal, OrderBy } from './expression.ts';
import { QueryError, type Token, tokenize } from './tokens.ts';

const comparisons = new Set<string>(['eq', 'ne', 'gt', 'ge', 'lt', 'le']);
/** Function → number of parameters. Names are compared in lower case. */
const functions: Readonly<Record<string, readonly number[]>> = {
  contains: [2],
  startswith: [2],
  endswith: [2],
  indexof: [2],
  length: [1],
  substring: [2, 3],
  tolower: [1],
  toupper: [1],
  trim: [1],
  concat: [2],
  year: [1],
  month: [1],
  day: [1],
  hour: [1],
  minute: [1],
  second: [1],
  date: [1],
  now: [0],
  isof: [1, 2],
};
/** Deeper expressions are refused: the parser recurses. */
const maxDepth = 100;

/** Parses `$filter`. @throws QueryError */
export function parseFilter(source: string): Expression {
  const parser = new Parser(source);
  const expression = parser.expression();
  parser.expectEnd();
  return expression;
}

/** Parses `$orderby`. @throws QueryError */
export function parseOrderBy(source: string): readonly OrderBy[] {
  const parser = new Parser(source);
  const keys = [parser.orderKey()];
  while (parser.takeSign(',')) keys.push(parser.orderKey());
  parser.expectEnd();
  return keys;
}

/** Recursive descent over the grammar of OData 4.01 Part 2, section 5.1.1. */
class Parser {
  readonly #source: string;
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
    this.#tokens = tokenize(source);
  }

  expression(): Expression {
    this.#depth += 1;
    if (this.#depth > maxDepth) throw new QueryError('The expression is nested too deeply.');
    let left = this.#and();
    while (this.#takeWord('or')) left = { kind: 'or', left, right: this.#and() };
    this.#depth -= 1;
    return left;
  }

  orderKey(): OrderBy {
    const expression = this.#operand();
    const descending = this.#takeWord('desc');
    if (!descending) this.#takeWord('asc');
    return { expression, descending };
  }

  expectEnd(): void {
    if (this.#at < this.#tokens.length) this.#fail();
  }

  takeSign(sign: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'sign' || token.text !== sign) return false;
    this.#at += 1;
    return true;
  }

  #and(): Expression {
    let left = this.#unary();
    while (this.#takeWord('and')) left = { kind: 'and', left, right: this.#unary() };
    return left;
  }

  #unary(): Expression {
    return this.#takeWord('not') ? { kind: 'not', inner: this.#unary() } : this.#comparison();
  }

  #comparison(): Expression {
    const left = this.#operand();
    if (this.#takeWord('in')) return { kind: 'in', left, values: this.#literals() };
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'word' || !comparisons.has(token.text.toLowerCase())) return left;
    this.#at += 1;
    return {
      kind: 'comparison',
      operator: token.text.toLowerCase() as ComparisonOperator,
      left,
      right: this.#operand(),
    };
  }

  #operand(): Expression {
    const token = this.#tokens[this.#at];
    if (token === undefined) return this.#fail();
    if (this.takeSign('(')) {
      const inner = this.expression();
      this.#expectSign(')');
      return inner;
    }
    this.#at += 1;
    if (token.kind === 'literal') return { kind: 'literal', literal: token.literal };
    if (token.kind === 'sign' || comparisons.has(token.text.toLowerCase())) return this.#fail(token);
    return this.takeSign('(') ? this.#call(token) : pathOf(token.text);
  }

  #call(token: Token): Expression {
    const segments = token.text.split('/');
    const name = (segments.at(-1) ?? '').toLowerCase();
    if (segments.length > 1 && (name === 'any' || name === 'all')) return this.#lambda(name, segments.slice(0, -1));
    const arities = functions[name];
    if (arities === undefined || segments.length > 1)
      throw new QueryError(
        `An unknown function with name '${token.text}' was found. This may also be a function import or a key lookup on a navigation property, which is not allowed.`,
      );
    const parameters: Expression[] = [];
    if (!this.takeSign(')')) {
      do parameters.push(this.#comparison());
      while (this.takeSign(','));
      this.#expectSign(')');
    }
    if (!arities.includes(parameters.length))
      throw new QueryError(
        `No function signature for the function with name '${name}' matches the specified arguments.`,
      );
    return { kind: 'call', name, parameters };
  }

  /** `assignedLicenses/any(l:l/skuId eq …)`, after the opening parenthesis. */
  #lambda(quantifier: 'any' | 'all', segments: readonly string[]): Expression {
    if (quantifier === 'any' && this.takeSign(')'))
      return { kind: 'lambda', quantifier, segments, condition: undefined };
    const variable = this.#tokens[this.#at];
    if (variable?.kind !== 'word') return this.#fail(variable);
    this.#at += 1;
    this.#expectSign(':');
    const body = this.expression();
    this.#expectSign(')');
    return { kind: 'lambda', quantifier, segments, condition: { variable: variable.text, body } };
  }

  #literals(): readonly Literal[] {
    this.#expectSign('(');
    const values = [this.#literal()];
    while (this.takeSign(',')) values.push(this.#literal());
    this.#expectSign(')');
    return values;
  }

  #literal(): Literal {
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'literal') return this.#fail(token);
    this.#at += 1;
    return token.literal;
  }

  #takeWord(word: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'word' || token.text.toLowerCase() !== word) return false;
    this.#at += 1;
    return true;
  }

  #expectSign(sign: string): void {
    if (!this.takeSign(sign)) this.#fail();
  }

  #fail(token = this.#tokens[this.#at]): never {
    throw new QueryError(`Syntax error at position ${token?.at ?? this.#source.length} in '${this.#source}'.`);
  }
}

function pathOf(text: string): Expression {
  const segments = text.split('/');
  return segments.length > 1 && segments.at(-1) === '$count'
    ? { kind: 'count', segments: segments.slice(0, -1) }
    : { kind: 'path', segments };
}
