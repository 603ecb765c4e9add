import { expect, test } from 'vitest';
import { jobs } from '../../../src/jobs/index.ts';
import { defineJob } from '../../../src/lib/runs/job/job.ts';
import { customers, populationOf, reportOn } from '../../support/population-report.ts';
import { tryJob } from '../../support/try-job.ts';

const licensed = customers.find((customer) => populationOf(customer).hasPlan('AAD_PREMIUM_P2'))!;

/** With which a job plans a change here, so that its permissions to write are needed. */
const parametersThatChange: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'block-stale-guests': { days: 30 },
  'partner-named-locations': { ranges: ['203.0.113.0/24'] },
  'sharepoint-sharing-level': { level: 'disabled' },
};

test.each(jobs)('$name needs every permission that it declares, and no other', async (job) => {
  const { unneeded } = await reportOn(job, licensed, {
    ...(job.changes === true && { parameters: parametersThatChange[job.name] ?? {} }),
    // Some requests are for roles that something else than a user holds.
    instead: async (_request, _count, answer) =>
      new Response((await answer().text()).replaceAll(/"principalId":"/g, '$&not-')),
  });
  expect(unneeded).toEqual([]);
});

test('tryJob names declared permissions that no request needs', async () => {
  const job = (...permissions: string[]) =>
    defineJob({
      name: 'probe',
      title: 'Probe',
      resources: ['graph'],
      permissions,
      timeoutSeconds: 60,
      run: async (context) => {
        await context.graph.get('/users?$select=id,signInActivity');
        await context.graph.batch([{ id: '1', path: '/groups/1' }]);
        return [];
      },
    });
  const answer = () => ({ value: [], responses: [{ id: '1', status: 200, body: {} }] });
  const unneeded = async (...permissions: string[]) => (await tryJob(job(...permissions), { graph: answer })).unneeded;
  const needed = ['User.Read.All', 'AuditLog.Read.All', 'Group.Read.All'];
  expect(await unneeded(...needed)).toEqual([]);
  expect(await unneeded(...needed, 'Mail.Read', 'Users.Read.All')).toEqual(['Mail.Read', 'Users.Read.All']);
  // Each opens what the other does.
  expect(await unneeded(...needed, 'User.ReadWrite.All')).toEqual(['User.Read.All', 'User.ReadWrite.All']);
});
