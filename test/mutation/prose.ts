/**
 * Stryker plugin: does not mutate sentences, e.g. the detail of an error or the text of an option. Replacing one by
 * an empty string is detected only by a test that repeats the sentence, and such a test proves nothing. Codes, names,
 * paths, header values and queries are mutated.
 */

/** The part of a Babel path that the plugin reads. */
interface Path {
  readonly node: {
    readonly type: string;
    readonly value?: unknown;
    readonly quasis?: readonly { readonly value: { readonly raw: string } }[];
    readonly expressions?: readonly { readonly type: string }[];
  };
}

/** Four words of lower-case letters, the first of them perhaps with a capital. */
const sentence = /\b[A-Za-z][a-z]* [a-z]+ [a-z]+ [a-z]+\b/;
/** OData and Kusto. */
const query = / (eq|ne|gt|ge|lt|le|and|or) |\|/;

export const isProse = (text: string): boolean => sentence.test(text) && !query.test(text);

/** A choice inside a template stays mutated: only templates that insert plain values are prose. */
const plain = new Set(['Identifier', 'MemberExpression']);

function shouldIgnore({ node }: Path): string | undefined {
  const reason = 'A sentence for people.';
  if (node.type === 'StringLiteral') return isProse(String(node.value)) ? reason : undefined;
  if (node.type !== 'TemplateLiteral' || node.expressions?.some(({ type }) => !plain.has(type))) return undefined;
  return isProse(node.quasis?.map(({ value }) => value.raw).join('x') ?? '') ? reason : undefined;
}

export const strykerPlugins = [{ kind: 'Ignore', name: 'prose', value: { shouldIgnore } }];
