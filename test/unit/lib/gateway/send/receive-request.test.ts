import { expect, it } from 'vitest';
import { receiveRequest } from '../../../../../src/lib/gateway/send/serve-request.ts';
import { FakeOrchestrations } from '../../../../fakes/fake-orchestrations.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';
import { portal, stage } from './stage.ts';

const base = 'https://broker.example/api/gateway/contoso.com/graph';

function receive(url: string, headers: Readonly<Record<string, string>> = {}) {
  const { audit, world, deps } = stage();
  const received = {
    method: 'DELETE',
    url,
    headers: Object.entries(headers),
    body: undefined,
    route: { tenant: 'contoso.com', resource: 'graph', path: 'v1.0/users' },
    takesKeys: false,
  };
  const sender = {
    caller: portal,
    correlationId: 'dddddddd-0000-4000-8000-000000000001',
    log: recordingLogger().log,
    orchestrations: new FakeOrchestrations(),
  };
  const answering = receiveRequest(deps, received, sender).catch((error: unknown) => error);
  return answering.then((error) => ({ error, entries: audit.entries, sent: world.sent }));
}

it.each([
  ['https://broker.example/api/gateway/fabrikam.com/graph/v1.0/users', {}],
  [`${base}/v1.0/users`, { 'content-encoding': 'gzip' }],
])('%s with %j cannot be read, which is recorded', async (url, headers) => {
  const { error, entries, sent } = await receive(url, headers);
  expect([error, sent]).toEqual([expect.objectContaining({ code: 'request_invalid' }), []]);
  expect(entries).toEqual([
    expect.objectContaining({
      kind: 'request',
      outcome: 'denied',
      code: 'request_invalid',
      method: 'DELETE',
      resource: 'graph',
      tenantAsked: 'contoso.com',
    }),
  ]);
});

it('a refusal of the judge is recorded once', async () => {
  expect((await receive(`${base}/v1.0/users/a`)).entries).toHaveLength(1);
});
