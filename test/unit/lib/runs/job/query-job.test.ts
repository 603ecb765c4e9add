import { expect, it } from 'vitest';
import { defineQueryJob } from '../../../../../src/lib/runs/job/query-job.ts';
import { tryJob } from '../../../../support/try-job.ts';

const job = (path: string) => defineQueryJob({ name: 'probe', title: 'Probe', path, permissions: ['User.Read.All'] });

it('returns the objects of all pages, with the selected properties in their order and nested values as JSON', async () => {
  const first = {
    value: [{ '@odata.type': '#user', id: '1', tenantId: 't', displayName: null, skills: ['a'] }],
    '@odata.nextLink': 'https://graph.microsoft.com/v1.0/users?$skiptoken=b',
  };
  const { rows, columns, requests } = await tryJob(job('/users?$select=skills,displayName,tenantId,id'), {
    graph: (_, count) => (count === 1 ? first : { value: [{ id: '2', displayName: 'Bo' }] }),
  });
  expect(columns).toEqual(['skills', 'displayName', 'graph.tenantId', 'id', '@odata.type']);
  expect(rows).toMatchObject([
    { skills: '["a"]', displayName: null, id: '1', 'graph.tenantId': 't' },
    { skills: null, displayName: 'Bo', id: '2' },
  ]);
  expect(requests).toHaveLength(2);
});

it('asks for the consistency that the query needs', async () => {
  const consistency = async (path: string) => {
    const { requests } = await tryJob(job(path), { graph: () => ({ value: [] }) });
    return requests[0]?.headers.get('consistencylevel');
  };
  expect(await consistency('/users?$count=true')).toBe('eventual');
  expect(await consistency('/users')).toBeNull();
});
