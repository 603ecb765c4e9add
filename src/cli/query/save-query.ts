import { partnerMap } from 'graph-permissions/partner-table';
import { askedProblems } from '../../lib/groups/asked.ts';
import { requiredPermissions } from '../../lib/judge/required-permissions.ts';
import { type QueryText, readQuery } from '../../lib/queries/query.ts';
import { parseSchedule } from '../../lib/runs/schedule.ts';
import { selectOf } from '../../lib/runs/selected-columns.ts';
import { titleOf } from '../jobs/job-template.ts';
import { writeJobFiles } from '../jobs/new-job.ts';
import { UsageError } from '../run-program.ts';

/** A query to be saved as a job. */
export interface SavedQuery extends Pick<QueryText, 'path' | 'select'> {
  readonly name: string;
  /** NCRONTAB with six fields, in UTC. */
  readonly schedule?: string | undefined;
  readonly tenants?: readonly string[] | undefined;
  readonly except?: readonly string[] | undefined;
}

/**
 * Writes a job that asks every tenant the same, its test, and its line in the list of jobs.
 * @param folder the project's folder.
 * @returns the paths of the written files.
 * @throws UsageError and BrokerError request_invalid for a query, name or schedule that cannot be one. Then nothing is written.
 */
export async function saveQuery(
  folder: string,
  { name, schedule, tenants, except, ...text }: SavedQuery,
): Promise<readonly string[]> {
  const { path } = readQuery(text);
  if (schedule !== undefined) checkSchedule(schedule);
  const [problem] = askedProblems({ tenants, except });
  if (problem !== undefined) throw new UsageError(problem);
  const permissions = permissionsFor(path);
  // The client of jobs adds the version.
  const short = path.replace(/^\/v1\.0(?=\/)/i, '');
  return writeJobFiles(folder, name, () => ({
    job: jobText({ name, path: short, schedule, permissions, tenants, except }),
    test: testText(name, short),
  }));
}

function checkSchedule(schedule: string): void {
  try {
    parseSchedule(schedule);
  } catch (error) {
    throw new UsageError(`--schedule ${error instanceof Error ? error.message : 'cannot be read'}.`);
  }
}

/** The narrowest permissions by the built-in map. */
function permissionsFor(url: string): readonly string[] {
  const request = { method: 'GET', url };
  const required = requiredPermissions(partnerMap(), request, { scheme: 'delegated', host: 'graph.microsoft.com' });
  if (!required.opened) throw new UsageError(`No permission of the built-in map opens the request: ${required.reason}`);
  const [narrowest] = required.anyOf.toSorted((one, other) => breadth(one) - breadth(other));
  return narrowest === undefined ? required.together : [narrowest];
}

const breadth = (permission: string): number =>
  (permission.startsWith('Directory.') ? 2 : 0) + (permission.includes('ReadWrite') ? 1 : 0);

interface JobText extends Omit<SavedQuery, 'path' | 'select'> {
  readonly path: string;
  readonly permissions: readonly string[];
}

const jobText = ({
  name,
  path,
  schedule,
  permissions,
  tenants,
  except,
}: JobText): string => `import { defineQueryJob } from '../lib/runs/query-job.ts';

/** Runs with these permissions, and not under the rules of whoever saved the query. */
export default defineQueryJob({
  name: '${name}',
  title: '${titleOf(name)}',
${schedule === undefined ? '' : `${property('schedule', schedule)}\n`}${property('path', path)}
${list('permissions', permissions)}${list('tenants', tenants)}${list('except', except)}});
`;

function testText(name: string, path: string): string {
  const named = selectOf(path).filter((property) => /^[A-Za-z_]\w*$/.test(property));
  // Two are enough to see their order, and fit into a line.
  const names = named.length === 0 ? ['id'] : named.slice(0, 2);
  const object = `{ ${names.map((property, at) => `${property}: '${at + 1}'`).join(', ')} }`;
  const rest = selectOf(path).slice(names.length);
  const missing = rest.length === 0 ? '' : '\n  // Properties that Graph does not return are null.';
  return `import { expect, test } from 'vitest';
import job from '../../../src/jobs/${name}.ts';
import { tryJob } from '../../support/try-job.ts';

const object = ${object};
${answers(literal(path.split('?', 1)[0] ?? ''))}

test('${name} returns one row per object', async () => {
  const { rows, unneeded } = await tryJob(job, { graph });${missing}
  expect(rows).toMatchObject([object]);
  // The permissions that the job declares are those that its requests need.
  expect(unneeded).toEqual([]);
});
`;
}

function answers(path: string): string {
  const line = `const graph = { ${path}: { value: [object] } };`;
  return line.length <= maxLineLength ? line : `const graph = {\n  ${path}: { value: [object] },\n};`;
}

/** Line length of the formatter (biome.json). */
const maxLineLength = 120;

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
function literal(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\');
  return text.includes("'") && !text.includes('"') ? `"${escaped}"` : `'${escaped.replaceAll("'", "\\'")}'`;
}
