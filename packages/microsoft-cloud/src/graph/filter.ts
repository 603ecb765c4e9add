/** An object of a Graph reply. */
export type Item = Readonly<Record<string, unknown>>;
type Predicate = (item: Item) => boolean;

type Token = { readonly kind: 'word' | 'text' | 'sign'; readonly value: string };

const tokenPattern = /\s*(?:'((?:[^']|'')*)'|([A-Za-z0-9_@.\-:/]+)|([(),]))/y;

function tokenize(source: string): readonly Token[] {
  const tokens: Token[] = [];
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < source.trimEnd().length) {
    const match = tokenPattern.exec(source);
    if (match === null) throw new SyntaxError('Invalid filter clause');
    const [, text, word, sign] = match;
    if (text !== undefined) tokens.push({ kind: 'text', value: text.replaceAll("''", "'") });
    else if (word !== undefined) tokens.push({ kind: 'word', value: word });
    else tokens.push({ kind: 'sign', value: sign ?? '' });
  }
  return tokens;
}

/**
 * Parses the part of OData 4 `$filter` that partner programs use: comparisons, `and`, `or`, `not`, parentheses, `in`,
 * `startswith`, and `any` over a list.
 * @throws SyntaxError for an invalid or unsupported filter.
 */
export function parseFilter(source: string): Predicate {
  const parser = new FilterParser(tokenize(source));
  return parser.parse();
}

class FilterParser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): Predicate {
    const predicate = this.#or();
    if (this.#at < this.#tokens.length) throw new SyntaxError('Invalid filter clause');
    return predicate;
  }

  #or(): Predicate {
    let left = this.#and();
    while (this.#takeWord('or')) {
      const [first, second] = [left, this.#and()];
      left = (item) => first(item) || second(item);
    }
    return left;
  }

  #and(): Predicate {
    let left = this.#not();
    while (this.#takeWord('and')) {
      const [first, second] = [left, this.#not()];
      left = (item) => first(item) && second(item);
    }
    return left;
  }

  #not(): Predicate {
    if (!this.#takeWord('not')) return this.#term();
    const inner = this.#term();
    return (item) => !inner(item);
  }

  #term(): Predicate {
    if (this.#takeSign('(')) {
      const inner = this.#or();
      this.#expectSign(')');
      return inner;
    }
    if (this.#takeWord('startswith')) return this.#startsWith();
    const path = this.#expect('word').value;
    if (path.endsWith('/any')) return this.#any(path.slice(0, -'/any'.length));
    if (this.#takeWord('in')) {
      const values = this.#list();
      return (item) => values.some((value) => isSame(read(item, path), value));
    }
    return comparison(path, this.#expect('word').value, this.#literal());
  }

  #startsWith(): Predicate {
    this.#expectSign('(');
    const path = this.#expect('word').value;
    this.#expectSign(',');
    const prefix = String(this.#literal()).toLowerCase();
    this.#expectSign(')');
    return (item) => textAt(item, path).toLowerCase().startsWith(prefix);
  }

  /** `identifierUris/any(x:x eq 'api://…')` */
  #any(path: string): Predicate {
    this.#expectSign('(');
    const variable = this.#expect('word').value;
    const name = variable.split(':')[0];
    const subject =
      variable.includes(':') && !variable.endsWith(':') ? variable.split(':')[1] : this.#expect('word').value;
    if (subject !== name) throw new SyntaxError('Invalid filter clause');
    const inner = comparison('value', this.#expect('word').value, this.#literal());
    this.#expectSign(')');
    return (item) => {
      const list = read(item, path);
      return Array.isArray(list) && list.some((value: unknown) => inner({ value }));
    };
  }

  #list(): readonly unknown[] {
    this.#expectSign('(');
    const values = [this.#literal()];
    while (this.#takeSign(',')) values.push(this.#literal());
    this.#expectSign(')');
    return values;
  }

  #literal(): unknown {
    const token = this.#tokens[this.#at];
    if (token === undefined || token.kind === 'sign') throw new SyntaxError('Invalid filter clause');
    this.#at += 1;
    if (token.kind === 'text') return token.value;
    if (token.value === 'true' || token.value === 'false') return token.value === 'true';
    if (token.value === 'null') return null;
    return Number.isNaN(Number(token.value)) ? token.value : Number(token.value);
  }

  #expect(kind: Token['kind']): Token {
    const token = this.#tokens[this.#at];
    if (token?.kind !== kind) throw new SyntaxError('Invalid filter clause');
    this.#at += 1;
    return token;
  }

  #takeWord(word: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'word' || token.value.toLowerCase() !== word) return false;
    this.#at += 1;
    return true;
  }

  #takeSign(sign: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'sign' || token.value !== sign) return false;
    this.#at += 1;
    return true;
  }

  #expectSign(sign: string): void {
    if (!this.#takeSign(sign)) throw new SyntaxError('Invalid filter clause');
  }
}

function comparison(path: string, operator: string, value: unknown): Predicate {
  switch (operator.toLowerCase()) {
    case 'eq':
      return (item) => isSame(read(item, path), value);
    case 'ne':
      return (item) => !isSame(read(item, path), value);
    case 'gt':
      return ordered(path, value, (order) => order > 0);
    case 'ge':
      return ordered(path, value, (order) => order >= 0);
    case 'lt':
      return ordered(path, value, (order) => order < 0);
    case 'le':
      return ordered(path, value, (order) => order <= 0);
    default:
      throw new SyntaxError('Invalid filter clause');
  }
}

/** `null` is neither less nor greater than any value (OData 4.01 Part 2, section 5.1.1.1.3). */
const ordered =
  (path: string, value: unknown, test: (order: number) => boolean): Predicate =>
  (item) => {
    const found = read(item, path) ?? null;
    return found !== null && test(order(found, value));
  };

/** The text at a path. Empty for anything but text, numbers and booleans. */
export function textAt(item: Item, path: string): string {
  const value = read(item, path);
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

/** The value at a path such as `customer/tenantId`. */
function read(item: Item, path: string): unknown {
  let value: unknown = item;
  for (const name of path.split('/')) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Item)[name];
  }
  return value;
}

const isSame = (left: unknown, right: unknown): boolean =>
  typeof left === 'string' && typeof right === 'string'
    ? left.toLowerCase() === right.toLowerCase()
    : (left ?? null) === right;

const order = (left: unknown, right: unknown): number => {
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  return textAt({ left }, 'left').localeCompare(textAt({ right }, 'right'));
};
