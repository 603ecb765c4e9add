import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Comment, parseSync, type Statement, type TSInterfaceDeclaration, type TSType } from 'oxc-parser';

/** A declaration of Microsoft's typings, with the namespace that it stands in. */
interface Declared {
  readonly namespace: string;
  readonly name: string;
  readonly node: TSInterfaceDeclaration | { readonly type: 'enum'; readonly members: readonly string[] };
}

const lowerFirst = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1);

/** `SecurityNamespace` of the typings is `microsoft.graph.security`. */
const namespaceOf = (name: string): string =>
  name
    .split('.')
    .map(lowerFirst)
    .join('.')
    .replace(/Namespace$/, '');

function collect(body: readonly Statement[], source: string, namespace = ''): readonly Declared[] {
  return body.flatMap((statement): readonly Declared[] => {
    const node = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement;
    if (node?.type === 'TSInterfaceDeclaration') return [{ namespace, name: node.id.name, node }];
    if (node?.type === 'TSTypeAliasDeclaration') {
      const members = literals(node.typeAnnotation);
      return members.length === 0 ? [] : [{ namespace, name: node.id.name, node: { type: 'enum', members } }];
    }
    if (node?.type === 'TSModuleDeclaration' && node.body?.type === 'TSModuleBlock') {
      const name = source.slice(node.id.start, node.id.end);
      return collect(node.body.body, source, namespaceOf(name));
    }
    return [];
  });
}

const literals = (type: TSType): readonly string[] => {
  const types = type.type === 'TSUnionType' ? type.types : [type];
  return types.flatMap((each) =>
    each.type === 'TSLiteralType' && each.literal.type === 'Literal' ? [String(each.literal.value)] : [],
  );
};

/** Turns names of the typings into names of Graph, without `microsoft.graph.`. */
function naming(declared: readonly Declared[]): (written: string, namespace: string) => string {
  const known = new Set(declared.map(({ namespace, name }) => `${namespace}.${name}`));
  return (written, namespace) => {
    const parts = written.split('.');
    const name = parts.pop() ?? '';
    const outer = parts.filter((part) => part !== 'microsoftgraph').join('.');
    if (outer !== '') return `${namespaceOf(outer)}.${lowerFirst(name)}`;
    const inside = parts.length === 0 && namespace !== '' && known.has(`${namespace}.${name}`);
    return inside ? `${namespace}.${lowerFirst(name)}` : lowerFirst(name);
  };
}

/** The comments that stand directly before a member. */
function commentBefore(comments: readonly Comment[], source: string): (start: number) => string {
  const byEnd = comments.map((comment) => ({ ...comment, line: source.slice(comment.end).search(/\S/) + comment.end }));
  const at = new Map(byEnd.map((comment) => [comment.line, comment]));
  return (start) => {
    const found: string[] = [];
    for (let comment = at.get(start); comment !== undefined; comment = at.get(comment.start))
      found.unshift(comment.value);
    return found.join(' ').replaceAll(/\s*\*?\s+/g, ' ');
  };
}

/** Operator → its letter in the table. */
const operators = {
  eq: 'e',
  ne: 'n',
  not: 'x',
  ge: 'g',
  le: 'l',
  gt: 'G',
  lt: 'L',
  in: 'i',
  startswith: 's',
  endswith: 'w',
  contains: 'c',
};

/** What the description of a property says: `r` read-only, `$` only on select, `o` sorts, `q` searches, `f(…)` filters. */
function flagsOf(comment: string): string {
  const flags = [];
  // A sentence of its own. "Read-only for users synced from the on-premises directory" is another rule.
  if (/(?:^|[.\s])read-?only(?: in microsoft graph\b[^.]*)?\s*(?:[.;]|$)/i.test(comment)) flags.push('r');
  if (/returned only (?:on|when)[^.]*select|only returned on[^.]*select/i.test(comment)) flags.push('$');
  if (/supports[^.]*\$orderby/i.test(comment)) flags.push('o');
  if (/supports[^.]*\$search/i.test(comment)) flags.push('q');
  const filter = /supports[^.(]*\$filter\s*(?:\(([^)]*)\))?/i.exec(comment);
  if (filter === null) return flags.join('');
  const words = new Set((filter[1] ?? '').toLowerCase().match(/[a-z]+/g));
  const named = Object.entries(operators).flatMap(([name, letter]) => (words.has(name) ? [letter] : []));
  flags.push(named.length === 0 ? 'f' : `f(${named.join('')})`);
  return flags.join('');
}

const isTime = (name: string, comment: string): boolean =>
  name.endsWith('DateTime') || /timestamp type|DateTimeOffset|ISO 8601|^[\s*]*The date and time/i.test(comment);

interface Reading {
  readonly source: string;
  readonly rename: (written: string, namespace: string) => string;
  readonly describe: (start: number) => string;
}

const primitives: Readonly<Record<string, string>> = {
  TSStringKeyword: 's',
  TSBooleanKeyword: 'b',
  TSNumberKeyword: 'n',
  TSAnyKeyword: 'a',
};

/** `s b n d a` for text, boolean, number, time and anything, or the name of a type; `*` for a list. */
function typeOf(type: TSType, namespace: string, reading: Reading): string {
  if (type.type === 'TSArrayType') return `${typeOf(type.elementType, namespace, reading)}*`;
  if (type.type === 'TSTypeReference') {
    const written = reading.source.slice(type.typeName.start, type.typeName.end);
    const inner = type.typeArguments?.params[0];
    return written === 'NullableOption' && inner !== undefined
      ? typeOf(inner, namespace, reading)
      : reading.rename(written, namespace);
  }
  return primitives[type.type] ?? 'a';
}

function membersOf(node: TSInterfaceDeclaration, namespace: string, reading: Reading): readonly string[] {
  return node.body.body.flatMap((member) => {
    if (member.type !== 'TSPropertySignature' || member.key.type !== 'Identifier') return [];
    const { name } = member.key;
    const comment = reading.describe(member.start);
    const type = member.typeAnnotation == null ? 'a' : typeOf(member.typeAnnotation.typeAnnotation, namespace, reading);
    const timed = type === 's' && isTime(name, comment) ? 'd' : type;
    const flags = flagsOf(comment);
    return [`${name}=${timed}${flags === '' ? '' : `!${flags}`}`];
  });
}

/** Type → its base and its members; `#enum` → its members. */
type Table = ReadonlyMap<string, { readonly base: string; readonly members: readonly string[] }>;

function tableOf(packageName: string): Table {
  const path = createRequire(import.meta.url)
    .resolve(`${packageName}/package.json`)
    .replace('package.json', 'microsoft-graph.d.ts');
  const source = readFileSync(path, 'utf8');
  const { program, comments } = parseSync(path, source, { lang: 'dts' });
  const declared = collect(program.body, source);
  const reading: Reading = { source, rename: naming(declared), describe: commentBefore(comments, source) };
  return new Map(
    declared.map(({ namespace, name, node }) => {
      const key = `${namespace === '' ? '' : `${namespace}.`}${lowerFirst(name)}`;
      if (node.type === 'enum') return [`#${key}`, { base: '', members: node.members }];
      const parent = node.extends[0]?.expression;
      const base = parent === undefined ? '' : reading.rename(source.slice(parent.start, parent.end), namespace);
      return [key, { base, members: membersOf(node, namespace, reading) }];
    }),
  );
}

const memberName = (member: string): string => member.split('=')[0] ?? member;

function linesOf(table: Table, without: Table = new Map()): readonly string[] {
  return [...table]
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .flatMap(([name, { base, members }]) => {
      const known = without.get(name);
      const old = new Set(known?.members.map(memberName));
      const added = members.filter((member) => !old.has(memberName(member)));
      if (known !== undefined && added.length === 0) return [];
      return [[`${name}${base === '' ? '' : `:${base}`}`, ...added].join(' ')];
    });
}

/** The types of Microsoft Graph as a table, from Microsoft's typings. Beta holds what version 1.0 lacks. */
export function graphSchema(): string {
  const stable = tableOf('@microsoft/microsoft-graph-types');
  const beta = tableOf('@microsoft/microsoft-graph-types-beta');
  return `/**
 * The types of Microsoft Graph. Written by \`npm run docs\` from \`@microsoft/microsoft-graph-types\` and its beta package.
 * A line is a type: \`name:base\`, then \`property=type!flags\`, or for an enumeration \`#name\`, then its members. The types
 * are text (s), boolean (b), number (n), time (d), anything (a) or a name; \`*\` marks a list. The flags repeat what the
 * description of the property says: read-only (r), returned only on \`$select\` ($), sorts (o), searches (q), filters (f), with these
 * operators: e eq, n ne, x not, g ge, l le, G gt, L lt, i in, s startsWith, w endsWith, c contains.
 */
export const stableTypes = \`
${linesOf(stable).join('\n')}
\`;

/** What version beta has besides. */
export const betaTypes = \`
${linesOf(beta, stable).join('\n')}
\`;
`;
}
