import { expect, test } from 'vitest';
import { jobs } from '../../../src/jobs/index.ts';
import { defineJob, type Job, uncompared } from '../../../src/lib/runs/job/job.ts';
import type { Row } from '../../../src/lib/runs/job/row.ts';
import { type Customer, customers, nowMs, populationOf, reportOn } from '../../support/population-report.ts';

const dayMs = 86_400_000;

const withoutFacts = (name: string, value: unknown): unknown =>
  value === null ||
  typeof value === 'boolean' ||
  (Array.isArray(value) && !['value', 'responses', 'servicePlans'].includes(name))
    ? undefined
    : value;

const keysOf = ({ key = [] }: Job, rows: readonly Row[]): readonly string[] =>
  rows.map((row) => JSON.stringify(key.map((name) => row[name] ?? null))).toSorted();

/** Titles that Microsoft's objects have and that their owners change, besides the names of persons. */
const isName = (name: string): boolean =>
  /^(displayName|userDisplayName|deviceName|userPrincipalName|mail|title)$/.test(name);

/** What is wrong with a job, by the rules that make comparisons and histories of its results right. */
async function brokenRules(job: Job, customer: Customer): Promise<readonly string[]> {
  const { key, columns = [], historyBy } = job;
  const broken = new Set<string>();
  if (key === undefined) broken.add('has no key');
  for (const { name, type, compare, history } of columns) {
    if (type !== 'number') continue;
    if (/days|mb$|bytes|percent|age$/i.test(name) && compare !== false) broken.add(`compares the measure ${name}`);
    if (/days|percent|age$/i.test(name) && history !== false) broken.add(`adds up ${name} in the history`);
  }

  const persons = new Set(
    populationOf(customer)
      .rows('users')
      .flatMap(({ displayName, userPrincipalName, mail }) => [displayName, userPrincipalName, mail])
      .filter((value) => typeof value === 'string'),
  );
  const answers: Response[] = [];
  const { rows } = await reportOn(job, customer, {
    instead: (_request, _count, answer) => {
      const reply = answer();
      answers.push(reply.clone());
      return reply;
    },
  });
  const keys = keysOf(job, rows);
  if (new Set(keys).size < keys.length) broken.add('has two rows with the same key');
  const compared = columns.filter(({ name }) => !uncompared(job).has(name));
  for (const { name } of compared.filter(({ type }) => type === 'number'))
    if (rows.some((row) => row[name] !== null && row[name] !== undefined && !Number.isInteger(row[name])))
      broken.add(`compares the floating value ${name}`);
  for (const { name } of columns.filter(({ name }) => name === historyBy))
    if (rows.some((row) => persons.has(String(row[name])))) broken.add(`has names in historyBy ${name}`);

  const renamed = await reportOn(job, customer, {
    replace: (name, value) => (isName(name) && typeof value === 'string' ? `renamed ${value}` : value),
  });
  if (keysOf(job, renamed.rows).join() !== keys.join()) broken.add('has names in its key');

  // The same answers a day later.
  let next = 0;
  const later = await reportOn(job, customer, { nowMs: nowMs + dayMs, instead: () => answers[next++]?.clone() });
  const before = new Map(rows.map((row) => [keysOf(job, [row]).join(), row]));
  for (const row of new Set(keys).size === keys.length ? later.rows : [])
    for (const { name } of compared) {
      const known = before.get(keysOf(job, [row]).join());
      if (known !== undefined && known[name] !== row[name]) broken.add(`changes ${name} with the date alone`);
    }

  // Answers without what Graph may leave out. A failure for an unexpected shape is no false row.
  const unknown = await reportOn(job, customer, { replace: withoutFacts }).catch(() => ({ rows: [] }));
  for (const { name } of columns.filter(({ type }) => type === 'boolean'))
    if (unknown.rows.some((row) => row[name] === false)) broken.add(`reports false for an unknown ${name}`);
  return [...broken].toSorted();
}

const chosen = [
  customers[1],
  customers[7],
  customers.find((customer) => populationOf(customer).hasPlan('AAD_PREMIUM_P2')),
].flatMap((customer) => customer ?? []);

test.each(jobs.filter(({ topic, changes }) => topic !== undefined && changes === undefined))(
  '$name keeps the rules of reports',
  async (job) => {
    expect(chosen).toHaveLength(3);
    for (const customer of chosen) {
      const broken = await brokenRules(job, customer).catch((error: unknown) => {
        // Nothing can be said about a report that the tenant has no licence for.
        if ((error as { code?: string }).code === 'resource_unavailable') return [];
        throw error;
      });
      expect(broken).toEqual([]);
    }
  },
);

test('the rules find each mistake of a bad report', async () => {
  const bad = (key: readonly string[] | undefined): Job =>
    defineJob({
      name: 'bad',
      title: 'Bad',
      resources: ['graph'],
      permissions: ['User.Read.All'],
      timeoutSeconds: 60,
      columns: [
        { name: 'user', title: 'User', type: 'text' },
        { name: 'kind', title: 'Kind', type: 'text' },
        { name: 'days', title: 'Days', type: 'number' },
        { name: 'share', title: 'Share', type: 'number' },
        { name: 'enabled', title: 'Enabled', type: 'boolean' },
      ],
      ...(key === undefined ? {} : { key }),
      historyBy: 'user',
      run: async ({ graph, nowMs: atMs }) => {
        const { value } = await graph.get('/users?$select=displayName,accountEnabled&$top=5');
        return (value as { displayName: string; accountEnabled?: boolean }[]).map((user) => ({
          user: user.displayName,
          kind: 'user',
          days: Math.floor(atMs / dayMs),
          share: 1 / 3,
          enabled: user.accountEnabled ?? false,
        }));
      },
    });
  const always = [
    'adds up days in the history',
    'compares the floating value share',
    'compares the measure days',
    'has names in historyBy user',
    'reports false for an unknown enabled',
  ];
  const brokenWith = (key?: readonly string[]) => brokenRules(bad(key), chosen[1]!);
  expect(await brokenWith(['user'])).toEqual(
    [...always, 'changes days with the date alone', 'has names in its key'].toSorted(),
  );
  expect(await brokenWith(['kind'])).toEqual([...always, 'has two rows with the same key'].toSorted());
  expect(await brokenWith()).toEqual([...always, 'has no key', 'has two rows with the same key'].toSorted());
});
