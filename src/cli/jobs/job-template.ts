/** The sources of a new job. They pass `npm run check`, and the test passes. */
import { maxLineLength, titleOf } from '../../lib/runs/job/query-job-text.ts';

/** Text of `src/jobs/NAME.ts`. docs/write-a-job.md shows it. */
export const jobSource = (name: string): string => `import * as z from 'zod';
import { dayMs } from '../lib/core/clock.ts';
import { defineJob } from '../lib/runs/job/job.ts';

const user = z.object({
  id: z.string(),
  userPrincipalName: z.string(),
  lastPasswordChangeDateTime: z.string().nullish(),
});

export default defineJob({
  name: '${name}',
  title: '${titleOf(name)}',
  topic: 'identity',
  // schedule: '0 15 6 * * 1', // Mondays at 06:15 UTC. Without a schedule, the job runs on request only.
  resources: ['graph'],
  permissions: ['User.Read.All'],
  timeoutSeconds: 300,
  parameters: z.object({
    days: z.int().min(1).max(3650).default(365).meta({ title: 'Days', description: 'Age of a password.' }),
  }),
  columns: [
    { name: 'user', title: 'User', type: 'text' },
    { name: 'changed', title: 'Password changed', type: 'date' },
    { name: 'id', title: 'User id', type: 'text' },
  ],
  key: ['id'],
  async run({ graph, log, nowMs, parameters: { days } }) {
    const rows = [];
    const select = 'id,userPrincipalName,lastPasswordChangeDateTime';
    const users = graph.list(\`/users?$filter=accountEnabled eq true&$select=\${select}&$top=999\`, { shape: user });
    for await (const { id, userPrincipalName, lastPasswordChangeDateTime: changed } of users) {
      // Nothing is said about a user whose password has no date.
      if (changed == null || nowMs - Date.parse(changed) < days * dayMs) continue;
      rows.push({ user: userPrincipalName, changed, id });
    }
    log.log('info', 'users.read', { reported: rows.length });
    return rows;
  },
});
`;

/** Text of `test/unit/jobs/NAME.test.ts`. docs/write-a-job.md shows it. */
export const jobTestSource = (name: string): string => `import { expect, test } from 'vitest';
import job from '../../../src/jobs/${name}.ts';
import { tryJob } from '../../support/try-job.ts';

const user = (id: string, lastPasswordChangeDateTime: string | null) => ({
  id,
  userPrincipalName: \`\${id}@contoso.com\`,
  lastPasswordChangeDateTime,
});
const value = [user('old', '2025-01-01T00:00:00Z'), user('new', '2026-01-01T00:00:00Z'), user('unknown', null)];
const graph = { '/users': { value } };
const nowMs = Date.parse('2026-03-01T00:00:00Z');

test('${name} returns users whose password is older than a year', async () => {
  const { rows, unneeded } = await tryJob(job, { graph, nowMs });
  expect(rows).toEqual([{ user: 'old@contoso.com', changed: '2025-01-01T00:00:00Z', id: 'old' }]);
  // The permissions that the job declares are those that its requests need.
  expect(unneeded).toEqual([]);
});

test('${name} returns users whose password is older than its parameter says', async () => {
  const { rows } = await tryJob(job, { graph, nowMs, parameters: { days: 30 } });
  expect(rows.map(({ id }) => id)).toEqual(['old', 'new']);
});
`;

/** Text of `src/jobs/NAME.ts` for a job that changes tenants. docs/changes.md shows it. */
export const changeSource = (name: string): string => `import { update } from '../lib/changes/change.ts';
import { defineChange } from '../lib/changes/define-change.ts';

export default defineChange({
  name: '${name}',
  title: '${titleOf(name)}',
  topic: 'security',
  permissions: ['Policy.ReadWrite.Authorization'],
  directoryRoles: ['Privileged Role Administrator'],
  plan: async () => [
    update('/policies/authorizationPolicy', { defaultUserRolePermissions: { allowedToCreateSecurityGroups: false } }),
  ],
});
`;

/** Text of `test/unit/jobs/NAME.test.ts` for such a job. */
export const changeTestSource = (name: string): string => `import { expect, test } from 'vitest';
import job from '../../../src/jobs/${name}.ts';
import { tryChange } from '../../support/try-change.ts';

test('${name} is planned, applied and taken back', async () => {
  const { plan, applied, left, again, unneeded } = await tryChange(job);
  expect(plan).toMatchObject([{ action: 'update', target: '/policies/authorizationPolicy', undo: 'yes' }]);
  expect(applied).toMatchObject([{ outcome: 'applied' }]);
  // Then nothing is left to change. Once it is taken back, everything is as before.
  expect([left, again]).toEqual([[], plan]);
  // The permissions that the job declares are those that its requests need.
  expect(unneeded).toEqual([]);
});
`;

/** The text of a job or of its test as a project of one's own has it: imports of sources become those of the package. */
export const withPackageImports = (text: string): string =>
  text
    .replaceAll(/from '(?:\.\.\/)+lib\/[\w./-]+'/g, "from 'partner-token-broker/job'")
    .replaceAll(/from '(?:\.\.\/)+support\/[\w./-]+'/g, "from 'partner-token-broker/testing'")
    .replace(/^import \{ (.+) \} (from .*);\nimport \{ (.+) \} \2;$/m, 'import { $1, $3 } $2;');

/** The name under which `src/jobs/index.ts` imports the job: `oldPasswords`. */
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
