import type { Literal } from './expression.ts';

/** A word is a name, an operator or a path; a sign is one of `( ) , :`. */
export type Token =
  | { readonly kind: 'word'; readonly text: string; readonly at: number }
  | { readonly kind: 'sign'; readonly text: string; readonly at: number }
  | { readonly kind: 'literal'; readonly literal: Literal; readonly text: string; readonly at: number };

/** A query that cannot be read. The message is the one that Graph's OData library gives. */
export class QueryError extends SyntaxError {
  override readonly name = 'QueryError';
}

const textPattern = /'((?:[^']|'')*)'/y;
const signPattern = /[(),:]/y;
const wordPattern = /[\w@.$/*-]+/y;
const barePattern = /[\w@.$/*:+-]+/y;

const guidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const timePattern = /^-?\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,12})?)?(?:Z|[+-]\d\d:\d\d)?)?$/i;
const numberPattern = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i;

/** Reads `$filter` or `$orderby` as tokens. @throws QueryError for a character that no token starts with. */
export function tokenize(source: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < source.length) {
    if (/\s/.test(source.charAt(at))) {
      at += 1;
      continue;
    }
    const token = tokenAt(source, at);
    tokens.push(token.value);
    at = token.end;
  }
  return tokens;
}

function tokenAt(source: string, at: number): { readonly value: Token; readonly end: number } {
  const text = match(textPattern, source, at);
  if (text !== undefined) {
    const literal: Literal = { type: 'text', value: (text[1] ?? '').replaceAll("''", "'") };
    return { value: { kind: 'literal', literal, text: text[0], at }, end: at + text[0].length };
  }
  const sign = match(signPattern, source, at);
  if (sign !== undefined) return { value: { kind: 'sign', text: sign[0], at }, end: at + 1 };
  // A time has colons, which otherwise separate the variable of a lambda.
  const bare = match(barePattern, source, at)?.[0];
  const literal = bare === undefined ? undefined : bareLiteral(bare);
  if (bare !== undefined && literal !== undefined)
    return { value: { kind: 'literal', literal, text: bare, at }, end: at + bare.length };
  const word = match(wordPattern, source, at)?.[0];
  if (word === undefined) throw new QueryError(`Syntax error at position ${at} in '${source}'.`);
  return wordAt(source, at, word);
}

/** A word, or a literal with a type before its quotes: `duration'PT1H'`, `microsoft.graph.riskLevel'high'`. */
function wordAt(source: string, at: number, word: string): { readonly value: Token; readonly end: number } {
  const plain = wordLiteral(word);
  const quoted = match(textPattern, source, at + word.length);
  if (quoted === undefined) {
    const value: Token =
      plain === undefined ? { kind: 'word', text: word, at } : { kind: 'literal', literal: plain, text: word, at };
    return { value, end: at + word.length };
  }
  const value = (quoted[1] ?? '').replaceAll("''", "'");
  const literal: Literal = word === 'duration' ? { type: 'duration', value } : { type: 'text', value };
  const text = word + quoted[0];
  return { value: { kind: 'literal', literal, text, at }, end: at + text.length };
}

function match(pattern: RegExp, source: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(source) ?? undefined;
}

function wordLiteral(word: string): Literal | undefined {
  if (word === 'true' || word === 'false') return { type: 'boolean', value: word === 'true' };
  return word === 'null' ? { type: 'null', value: null } : undefined;
}

function bareLiteral(word: string): Literal | undefined {
  if (guidPattern.test(word)) return { type: 'guid', value: word.toLowerCase() };
  if (numberPattern.test(word)) return { type: 'number', value: Number(word) };
  if (!timePattern.test(word)) return undefined;
  // A time without a zone is UTC.
  const value = Date.parse(word.length > 10 && !/(?:Z|[+-]\d\d:\d\d)$/i.test(word) ? `${word}Z` : word);
  return Number.isNaN(value) ? undefined : { type: 'time', value };
}
