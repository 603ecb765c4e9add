import { describe, expect, it } from 'vitest';
import { partnerMap } from 'graph-permissions/partner-table';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import { clouds } from '../../../../../src/lib/core/resources.ts';
import { jobGate } from '../../../../../src/lib/runs/job/execute-job.ts';
import { defineJob, type JobContext } from '../../../../../src/lib/runs/job/job.ts';
import type { Row } from '../../../../../src/lib/runs/job/row.ts';
import { tryJob } from '../../../../support/try-job.ts';

const jobWith = (permissions: readonly string[] | undefined, run: (context: JobContext) => Promise<readonly Row[]>) =>
  defineJob({
    name: 'probe',
    title: 'Probe',
    resources: ['graph'],
    ...(permissions === undefined ? {} : { permissions }),
    timeoutSeconds: 60,
    run,
  });

const got = (value: unknown): Row[] => [{ got: JSON.stringify(value) }];
const first = ({ rows }: { rows: readonly Row[] }): unknown => JSON.parse(String(rows[0]?.['got']));

describe('a job', () => {
  it('cannot send a request that none of its permissions opens, and learns which is missing', async () => {
    let sent = 0;
    const reads = jobWith(['User.Read.All'], async ({ graph }) => got(await graph.get('/groups?$top=1')));
    const failure = tryJob(reads, { graph: () => ({ sent: (sent += 1) }) });
    await expect(failure).rejects.toMatchObject({
      code: 'job_failed',
      detail: expect.stringMatching(
        /^The request was not sent\. None of the job's permissions opens GET \/groups; add one that does, such as Group\.Read\.All/,
      ) as string,
    });
    expect(sent).toBe(0);
  });

  it('that declares no permissions sends nothing to Graph', async () => {
    const reads = jobWith(undefined, async ({ graph }) => got(await graph.get('/users/1')));
    await expect(tryJob(reads, { graph: () => ({}) })).rejects.toThrow(/None of the job's permissions opens/);
  });

  it('cannot read properties and navigations that need a permission of their own', async () => {
    const reads = (path: string) => jobWith(['User.ReadBasic.All'], async ({ graph }) => got(await graph.get(path)));
    const graph = () => ({ id: '1' });
    await expect(tryJob(reads('/users?$select=id,signInActivity'), { graph })).rejects.toThrow(
      /signInActivity|not sent/,
    );
    await expect(tryJob(reads('/users?$select=id&$expand=memberOf'), { graph })).rejects.toThrow(/not sent/);
    expect(first(await tryJob(reads('/users?$select=id,displayName'), { graph }))).toEqual({ id: '1' });
  });

  it('pages through a collection', async () => {
    const next = 'https://graph.microsoft.com/v1.0/users?$select=id&$skiptoken=RFNwdAIAAQ';
    const reads = jobWith(['User.Read.All'], async ({ graph }) => {
      const rows = [];
      for await (const { id } of graph.list('/users?$select=id')) rows.push({ id: String(id) });
      return rows;
    });
    const { rows, requests } = await tryJob(reads, {
      graph: ({ url }) =>
        url.searchParams.has('$skiptoken')
          ? { value: [{ id: '2' }] }
          : { value: [{ id: '1' }], '@odata.nextLink': next },
    });
    expect(rows).toEqual([{ id: '1' }, { id: '2' }]);
    expect(requests.map(({ url }) => url.href)).toEqual(['https://graph.microsoft.com/v1.0/users?$select=id', next]);
  });

  it('cannot page with a link to something else', async () => {
    const reads = jobWith(['User.Read.All'], async ({ graph }) => {
      for await (const _ of graph.list('/users')) continue;
      return [];
    });
    const page = (link: string) => ({ graph: () => ({ value: [], '@odata.nextLink': link }) });
    await expect(tryJob(reads, page('https://graph.microsoft.com/v1.0/groups?$skiptoken=x'))).rejects.toThrow(
      /not sent/,
    );
    await expect(tryJob(reads, page('https://evil.example/v1.0/users'))).rejects.toThrow(/another host/);
  });

  it('gets the refused reads of a batch as values', async () => {
    const reads = jobWith(['User.Read.All'], async ({ graph }) => {
      const replies = await graph.batch([
        { id: 'a', path: '/users/1' },
        { id: 'b', path: '/groups/1' },
        { id: 'c', path: '/users/2?$select=id' },
      ]);
      return replies.map((reply) => ({ id: reply.id, got: reply.ok ? 'ok' : reply.error.code }));
    });
    const { rows, requests } = await tryJob(reads, {
      graph: ({ body }) => ({
        responses: (JSON.parse(body ?? '') as { requests: { id: string }[] }).requests.map(({ id }) => ({
          id,
          status: 200,
          body: {},
        })),
      }),
    });
    expect(rows).toEqual([
      { id: 'a', got: 'ok' },
      { id: 'b', got: 'job_failed' },
      { id: 'c', got: 'ok' },
    ]);
    expect(requests[0]?.body).not.toContain('groups');
  });

  it('sends no batch of which every read was refused', async () => {
    const reads = jobWith(['User.Read.All'], async ({ graph }) =>
      got(await graph.batch([{ id: 'b', path: '/groups/1' }])),
    );
    expect((await tryJob(reads)).requests).toEqual([]);
  });

  it('does not see what a token with its permissions would not show', async () => {
    const members = {
      value: [
        { '@odata.type': '#microsoft.graph.user', id: '1', displayName: 'Ada' },
        { '@odata.type': '#microsoft.graph.device', id: '2', displayName: 'Laptop', uploadUrl: 'https://x' },
        { '@odata.type': '#microsoft.graph.user', id: '3', nested: [{ uploadUrl: 'https://x', a: 1 }] },
        // Without its type, and with one that is no type of the directory.
        { id: '4', displayName: 'Unknown' },
        { '@odata.type': '#microsoft.graph.user', id: '5', plan: { '@odata.type': '#microsoft.graph.plan', a: 1 } },
      ],
    };
    const reads = jobWith(['GroupMember.Read.All', 'User.Read.All'], async ({ graph }) =>
      got(await graph.get('/groups/1/members')),
    );
    expect(first(await tryJob(reads, { graph: () => members }))).toEqual({
      value: [
        { '@odata.type': '#microsoft.graph.user', id: '1', displayName: 'Ada' },
        { '@odata.type': '#microsoft.graph.device', id: '2' },
        { '@odata.type': '#microsoft.graph.user', id: '3', nested: [{ a: 1 }] },
        { id: '4' },
        { '@odata.type': '#microsoft.graph.user', id: '5', plan: { '@odata.type': '#microsoft.graph.plan', a: 1 } },
      ],
    });
  });

  it('that repeats a refused request for ever leaves the process time for others', async () => {
    const gate = jobGate(
      { permissionMap: async () => partnerMap(), endpoints: clouds.public.endpoints },
      { permissions: [] },
    );
    const over = new AbortController();
    const { signal } = over;
    setTimeout(() => over.abort(), 1);
    while (!signal.aborted) await gate.admit({ path: '/v1.0/users', headers: {} }).catch(() => undefined);
    expect(signal.aborted).toBe(true);
  });

  it('is tried again while the permission map cannot be read', async () => {
    const unavailable = new BrokerError('storage_unavailable', 'The permission map cannot be read.');
    const gate = jobGate(
      { permissionMap: () => Promise.reject(unavailable), endpoints: clouds.public.endpoints },
      { permissions: ['User.Read.All'] },
    );
    await expect(gate.admit({ path: '/v1.0/users', headers: {} })).rejects.toBe(unavailable);
  });
});
