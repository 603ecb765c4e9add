import { expect, test } from 'vitest';
import accessCheck from '../../../src/jobs/access-check.ts';
import type { TokenRequest } from '../../../src/lib/core/secrets.ts';
import { adviceFor, BrokerError, type ErrorCode, errorTable } from '../../../src/lib/core/errors.ts';
import { tryJob } from '../../support/try-job.ts';

const graph = { '/organization': { value: [{ id: '1', displayName: 'Contoso' }] } };
const refuse =
  (alias: string, code: ErrorCode) =>
  ({ resource }: TokenRequest): void => {
    if (resource.alias === alias) throw new BrokerError(code, 'No.');
  };

test('reports for each resource whether it can be reached', async () => {
  const { rows, tokens } = await tryJob(accessCheck, { graph });
  expect(rows.map(({ resource, reachable }) => [resource, reachable])).toEqual([
    ['graph', true],
    ['exchange', true],
    ['arm', true],
  ]);
  expect(tokens).toEqual(['graph', 'exchange', 'arm']);
});

test('reports why another resource cannot be reached, and the next step', async () => {
  const { rows } = await tryJob(accessCheck, { graph, token: refuse('exchange', 'resource_unavailable') });
  const { title } = errorTable.resource_unavailable;
  const advice = adviceFor('resource_unavailable', 'operator');
  expect(rows[1]).toEqual({ resource: 'exchange', reachable: false, code: 'resource_unavailable', title, advice });
  expect(rows).toHaveLength(3);
});

test('fails with the reason of Graph, without further requests, when Graph cannot be reached', async () => {
  const asked: string[] = [];
  const token = (request: TokenRequest): void => {
    asked.push(request.resource.alias);
    refuse('graph', 'consent_required')(request);
  };
  await expect(tryJob(accessCheck, { graph, token })).rejects.toMatchObject({ code: 'consent_required' });
  expect(asked).toEqual(['graph']);
});

test('fails when the token is issued but Graph rejects it', async () => {
  const denied = {
    '/organization': Response.json({ error: { code: 'Authorization_RequestDenied' } }, { status: 403 }),
  };
  await expect(tryJob(accessCheck, { graph: denied })).rejects.toMatchObject({ code: 'access_denied' });
});

test.each(['credential_revoked', 'throttled', 'entra_unavailable'] as const)(
  '%s says nothing about a tenant, so it is no row',
  async (code) => {
    await expect(tryJob(accessCheck, { graph, token: refuse('arm', code) })).rejects.toMatchObject({ code });
  },
);

test('checks the resources named in a parameter, and rejects others', async () => {
  const { rows } = await tryJob(accessCheck, { graph, parameters: { resources: ['aad-graph'] } });
  expect(rows.map(({ resource }) => resource)).toEqual(['graph', 'aad-graph']);
  await expect(tryJob(accessCheck, { graph, parameters: { resources: ['partner-center'] } })).rejects.toMatchObject({
    code: 'request_invalid',
  });
});
