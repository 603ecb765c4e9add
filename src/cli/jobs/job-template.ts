/** The sources of a new job. They pass `npm run check`, and the test passes. */
import { maxLineLength, titleOf } from '../../lib/runs/job/query-job-text.ts';

/** Text of `src/jobs/NAME.ts`. */
export const jobSource = (name: string): string => `import * as z from 'zod';
import { defineJob } from '../lib/runs/job/job.ts';

const user = z.object({ userPrincipalName: z.string(), accountEnabled: z.boolean().nullish() });

export default defineJob({
  name: '${name}',
  title: '${titleOf(name)}',
  // Add \`schedule\`, for example '0 15 6 * * 1' for Mondays at 06:15 UTC. Without it the job runs on request only.
  resources: ['graph'],
  permissions: ['User.Read.All'],
  timeoutSeconds: 300,
  parameters: z.object({
    enabledOnly: z.boolean().default(false).meta({ title: 'Enabled only', description: 'Leaves disabled users out.' }),
  }),
  columns: [
    { name: 'user', title: 'User', type: 'text' },
    { name: 'enabled', title: 'Enabled', type: 'boolean' },
  ],
  key: ['user'],
  async run({ graph, log, parameters }) {
    const rows = [];
    const path = '/users?$select=userPrincipalName,accountEnabled&$top=999';
    for await (const { userPrincipalName, accountEnabled } of graph.list(path, { shape: user })) {
      if (parameters.enabledOnly && accountEnabled === false) continue;
      rows.push({ user: userPrincipalName, enabled: accountEnabled ?? null });
    }
    log.log('info', '${eventOf(name)}.read', { users: rows.length });
    return rows;
  },
});
`;

/** Text of `test/unit/jobs/NAME.test.ts`. */
export const jobTestSource = (name: string): string => `import { expect, test } from 'vitest';
import job from '../../../src/jobs/${name}.ts';
import { tryJob } from '../../support/try-job.ts';

const graph = {
  '/users': {
    value: [
      { userPrincipalName: 'megan@contoso.com', accountEnabled: true },
      { userPrincipalName: 'alex@contoso.com', accountEnabled: false },
    ],
  },
};

test('${name} returns one row per user', async () => {
  const { rows, unneeded } = await tryJob(job, { graph });
  expect(rows).toEqual([
    { user: 'megan@contoso.com', enabled: true },
    { user: 'alex@contoso.com', enabled: false },
  ]);
  // The permissions that the job declares are those that its requests need.
  expect(unneeded).toEqual([]);
});

test('${name} leaves disabled users out if its parameter says so', async () => {
  const { rows } = await tryJob(job, { graph, parameters: { enabledOnly: true } });
  expect(rows).toEqual([{ user: 'megan@contoso.com', enabled: true }]);
});
`;

/** Names of log events consist of lower case letters, digits, points and underscores. */
const eventOf = (name: string): string => name.replaceAll('-', '_');

/** The name under which `src/jobs/index.ts` imports the job: `staleGuests`. */
export const importNameOf = (name: string): string =>
  name.replaceAll(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/**
 * Adds a job to the text of `src/jobs/index.ts`.
 * @returns undefined if the text does not have the expected form, or has the name of the import already.
 */
export function withJob(index: string, name: string): string | undefined {
  const imports = [...index.matchAll(/^import \w+ from '\.\/.*;$/gm)];
  const last = imports.at(-1);
  const list = /(export const jobs: readonly Job\[\] = \[)([^\]]*)(\];)/.exec(index);
  if (last === undefined || list === null) return undefined;
  const importName = importNameOf(name);
  if (index.match(/\w+/g)?.includes(importName) === true) return undefined;
  const names = [...(list[2] ?? '').split(',').map((item) => item.trim()), importName].filter((item) => item !== '');
  const oneLine = `${list[1]}${names.join(', ')}${list[3]}`;
  const listed =
    oneLine.length <= maxLineLength ? oneLine : `${list[1]}\n${names.map((item) => `  ${item},\n`).join('')}${list[3]}`;
  const withList = index.slice(0, list.index) + listed + index.slice(list.index + list[0].length);
  const end = last.index + last[0].length;
  return `${withList.slice(0, end)}\nimport ${importName} from './${name}.ts';${withList.slice(end)}`;
}
