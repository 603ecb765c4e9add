/** The source of a job that asks every tenant the same, as `ptb query --save` and the dashboard write it. */

export interface QueryJobText {
  readonly name: string;
  /** Path and query at Microsoft Graph, with or without `/v1.0`. */
  readonly path: string;
  /** NCRONTAB with six fields, in UTC. */
  readonly schedule?: string | undefined;
  readonly permissions: readonly string[];
  readonly tenants?: readonly string[] | undefined;
  readonly except?: readonly string[] | undefined;
}

const maxNameLength = 40;

/** Whether a text has the form of the name of a job: `stale-guests`. */
export const isJobName = (text: string): boolean =>
  text.length <= maxNameLength && /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/.test(text);

/** Text of `src/jobs/NAME.ts`, as the formatter writes it. @param given with a valid name. */
export const queryJobText = ({
  name,
  path,
  schedule,
  permissions,
  tenants,
  except,
}: QueryJobText): string => `import { defineQueryJob } from '../lib/runs/job/query-job.ts';

/** Runs with these permissions, and not under the rules of whoever saved the query. */
export default defineQueryJob({
  name: '${name}',
  title: '${titleOf(name)}',
${schedule === undefined ? '' : `${property('schedule', schedule)}\n`}${property('path', withoutVersion(path))}
${list('permissions', permissions)}${list('tenants', tenants)}${list('except', except)}});
`;

/** The client of jobs adds the version. */
export const withoutVersion = (path: string): string => path.replace(/^\/v1\.0(?=\/)/i, '');

/**
 * The permissions that a job declares for a request.
 * @param anyOf permissions each of which opens it alone.
 * @param together those that open it together, if there are no others.
 */
export function narrowestOf(anyOf: readonly string[], together: readonly string[]): readonly string[] {
  const [narrowest] = anyOf.toSorted((one, other) => breadth(one) - breadth(other));
  return narrowest === undefined ? together : [narrowest];
}

const breadth = (permission: string): number =>
  (permission.startsWith('Directory.') ? 2 : 0) + (permission.includes('ReadWrite') ? 1 : 0);

/** `stale-guests` becomes `Stale guests`. */
export const titleOf = (name: string): string => {
  const words = name.replaceAll('-', ' ').trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
};

/** Line length of the formatter (biome.json). */
export const maxLineLength = 120;

/** The formatter breaks before a long text only if the text fits into a line then. */
function property(name: string, value: string): string {
  const text = literal(value);
  const isBroken = name.length + text.length + 5 > maxLineLength && text.length + 5 <= maxLineLength;
  return `  ${name}:${isBroken ? '\n    ' : ' '}${text},`;
}

function list(name: string, texts: readonly string[] = []): string {
  if (texts.length === 0) return '';
  const line = `  ${name}: [${texts.map(literal).join(', ')}],`;
  return line.length <= maxLineLength
    ? `${line}\n`
    : `  ${name}: [\n${texts.map((text) => `    ${literal(text)},\n`).join('')}  ],\n`;
}

/** A text as the formatter writes it: in single quotes, unless that needs more escapes. */
export function literal(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\');
  return text.includes("'") && !text.includes('"') ? `"${escaped}"` : `'${escaped.replaceAll("'", "\\'")}'`;
}
