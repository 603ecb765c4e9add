import { partnerMap } from 'graph-permissions/partner-table';
import { requestedProblems } from '../../lib/access/tenants/selected-tenants.ts';
import { publicGraphHost } from '../../lib/core/resources.ts';
import { requiredPermissions } from '../../lib/judge/judge.ts';
import { type QueryText, readQuery } from '../../lib/gateway/queries/query.ts';
import {
  literal,
  maxLineLength,
  narrowestOf,
  queryJobText,
  withoutVersion,
} from '../../lib/runs/job/query-job-text.ts';
import { parseSchedule } from '../../lib/runs/job/job.ts';
import { selectOf } from '../../lib/runs/job/row.ts';
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
  const [problem] = requestedProblems({ tenants, except });
  if (problem !== undefined) throw new UsageError(problem);
  const permissions = permissionsFor(path);
  return writeJobFiles(folder, name, () => ({
    job: queryJobText({ name, path, schedule, permissions, tenants, except }),
    test: testText(name, withoutVersion(path)),
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
  const required = requiredPermissions(partnerMap(), request, { scheme: 'delegated', host: publicGraphHost });
  if (!required.opened) throw new UsageError(`No permission of the built-in map opens the request: ${required.reason}`);
  return narrowestOf(required.anyOf, required.together);
}

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
