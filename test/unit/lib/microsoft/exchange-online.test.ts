import * as z from 'zod';
import { describe, expect, test } from 'vitest';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { parseTenantId } from '../../../../src/lib/core/identifiers.ts';
import { Limiter } from '../../../../src/lib/core/limiter.ts';
import { Secret } from '../../../../src/lib/core/secrets.ts';
import { type BudgetedRequest, type RequestBudget, Requesters } from '../../../../src/lib/core/share.ts';
import { createExchangeOnlineClient } from '../../../../src/lib/microsoft/exchange-online.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { inTurn, problem, type Scripted, scriptedFetch, type SeenRequest } from '../../../fakes/scripted-fetch.ts';

const tenantId = parseTenantId('11111111-2222-4333-8444-555555555555')!;
const root = `https://exchange.test/adminapi/beta/${tenantId}`;
const system = `UPN:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}@${tenantId}`;

function stage(answer: (request: SeenRequest, count: number) => Scripted) {
  const clock = new FakeClock();
  const { fetch, seen } = scriptedFetch(answer);
  const admitted: string[] = [];
  const counted: BudgetedRequest[] = [];
  const paused: Parameters<RequestBudget['throttled']>[] = [];
  const client = createExchangeOnlineClient(
    {
      fetch,
      clock,
      random: () => 0,
      limiter: new Limiter(4),
      budgets: {
        admit: async (request) => void counted.push(request),
        throttled: (...told) => void paused.push(told),
      },
    },
    {
      baseUrl: 'https://exchange.test',
      tenantId,
      correlationId: 'c0',
      token: async () => new Secret('token'),
      counted: { resource: 'exchange', tenantId, application: 'default', requesters: new Requesters() },
    },
    async (body) => {
      if (body.includes('Set-')) throw new BrokerError('job_failed', 'refused');
      admitted.push(body);
    },
  );
  return { client, clock, seen, admitted, counted, paused };
}

/** The result of a call, or its error, after all its waits have passed. */
async function outcomeOf<T>({ clock }: { clock: FakeClock }, call: Promise<T>): Promise<T> {
  call.catch(() => undefined);
  await clock.advance(600_000);
  return call;
}

/** An error as Exchange writes it. */
const thrown = (status: number, type: string, text: string): Response =>
  Response.json(
    {
      error: {
        code: 'BadRequest',
        message: 'Error executing cmdlet',
        details: [{ code: 'Client', target: '', message: `Ex6F9304|Microsoft.Exchange.Tasks.${type}|${text}` }],
        innererror: { message: 'Error executing cmdlet', internalexception: { message: 'x', type: 'A.B' } },
      },
    },
    { status },
  );

describe('list', () => {
  test('posts the cmdlet with its parameters and follows links with the same body', async () => {
    const { client, seen, admitted, counted } = stage(
      inTurn(
        () => ({
          value: [{ Name: 'a' }],
          '@odata.nextLink': `${root.replace('.test', '.test:443')}/InvokeCommand?$skiptoken=x`,
        }),
        () => ({ value: [{ Name: 'b' }] }),
      ),
    );
    const parameters = { ResultSize: 'Unlimited' };
    const rows = await Array.fromAsync(client.list('Get-Mailbox', parameters, { select: ['Name', 'a b'] }));
    expect(rows).toEqual([{ Name: 'a' }, { Name: 'b' }]);
    expect(seen.map(({ method, url }) => [method, url.href])).toEqual([
      ['POST', `${root}/InvokeCommand?$select=Name,a%20b`],
      ['POST', `${root}/InvokeCommand?$skiptoken=x`],
    ]);
    const body = { CmdletInput: { CmdletName: 'Get-Mailbox', Parameters: parameters } };
    expect(seen.map((request) => JSON.parse(request.body ?? ''))).toEqual([body, body]);
    expect(admitted).toEqual(seen.map((request) => request.body));
    for (const { headers } of seen) {
      expect(headers.get('prefer')).toBe('odata.maxpagesize=1000;odata.continue-on-error');
      expect(headers.get('x-anchormailbox')).toBe(system);
      expect(headers.get('authorization')).toBe('Bearer token');
    }
    expect(counted.map(({ method, paths }) => [method, paths])).toEqual([
      ['POST', [`/adminapi/beta/${tenantId}/InvokeCommand?$select=Name,a%20b`]],
      ['POST', [`/adminapi/beta/${tenantId}/InvokeCommand?$skiptoken=x`]],
    ]);
  });

  test.each([
    [{ Mailbox: 'alex@contoso.com' }, 'UPN:alex@contoso.com'],
    [{ Identity: 'alex@contoso.com' }, 'UPN:alex@contoso.com'],
    [{ Identity: 'Alex Wilber' }, system],
    [{ Identity: 'a@b@c' }, system],
    [{ Identity: 'älex@contoso.com' }, system],
    [{ Identity: 'a@b.com\r\nX: 1' }, system],
    [{}, system],
  ])('anchors %j at %s', async (parameters, anchor) => {
    const { client, seen } = stage(() => ({ value: [] }));
    await Array.fromAsync(client.list('Get-InboxRule', parameters));
    expect(seen[0]?.headers.get('x-anchormailbox')).toBe(anchor);
  });

  test('sends nothing that the gate refuses, and no token to another host', async () => {
    const { client, seen } = stage(() => ({ value: [], '@odata.nextLink': 'https://other.test/x' }));
    await expect(Array.fromAsync(client.list('Set-Mailbox'))).rejects.toThrow('refused');
    expect(seen).toEqual([]);
    await expect(Array.fromAsync(client.list('Get-Mailbox'))).rejects.toMatchObject({ code: 'resource_error' });
    expect(seen).toHaveLength(1);
  });

  test.each([
    'https://exchange.test/adminapi/beta/99999999-2222-4333-8444-555555555555/InvokeCommand?$skiptoken=x',
    `${root}/../99999999-2222-4333-8444-555555555555/InvokeCommand`,
    'https://exchange.test/adminapi/v1.0/InvokeCommand',
    `https://exchange.test/adminapi/beta/${tenantId}x/InvokeCommand`,
    root,
  ])('follows no link that leaves the tenant: %s', async (next) => {
    const { client, seen } = stage(() => ({ value: [], '@odata.nextLink': next }));
    await expect(Array.fromAsync(client.list('Get-Mailbox'))).rejects.toMatchObject({
      code: 'resource_error',
      detail: 'Exchange Online sends a link that leaves the tenant.',
    });
    expect(seen).toHaveLength(1);
  });

  test('checks each object with the shape', async () => {
    const { client } = stage(() => ({ value: [{ Name: 'a', more: 1 }, { Name: 2 }] }));
    const read = client.list('Get-Mailbox', {}, { shape: z.object({ Name: z.string() }) });
    expect((await read.next()).value).toEqual({ Name: 'a' });
    await expect(read.next()).rejects.toMatchObject({
      code: 'resource_error',
      detail: 'Exchange Online sends an item that does not have the expected shape.',
    });
  });

  test('waits as long as a throttled answer says, and tells the other instances', async () => {
    const staged = stage(
      inTurn(
        () => problem(429, 'TooManyRequests', '', { 'retry-after': '7', 'x-ms-throttle-scope': 'Application/Read' }),
        () => ({ value: [{ Name: 'a' }] }),
      ),
    );
    expect(await outcomeOf(staged, Array.fromAsync(staged.client.list('Get-Mailbox')))).toHaveLength(1);
    expect(staged.paused).toMatchObject([[{ resource: 'exchange', tenantId }, 7, 'Application/Read']]);
    const never = stage(() => problem(429, 'TooManyRequests', '', { 'retry-after': '600' }));
    await expect(outcomeOf(never, Array.fromAsync(never.client.list('Get-Mailbox')))).rejects.toMatchObject({
      code: 'throttled',
      retryAfterSeconds: 600,
    });
  });

  test.each([
    [401, 'Unauthorized', 'Provide valid credential.', 'access_denied'],
    [403, 'CmdletAccessDeniedException', '', 'access_denied'],
    [
      400,
      'InvalidOperationException',
      "'a' is out of the current user's read scope. It can't be performed because it isn't within your current write scopes.",
      'access_denied',
    ],
    [404, 'ManagementObjectNotFoundException', "object 'a' couldn't be found", 'job_failed'],
    [400, 'ParameterBindingException', 'A parameter cannot be found', 'job_failed'],
    [500, 'ServerBusyException', '', 'resource_error'],
  ])('tells failures apart: %i %s is %s', async (status, type, text, code) => {
    const staged = stage(() => thrown(status, type, text));
    const failure = outcomeOf(staged, Array.fromAsync(staged.client.list('Get-Mailbox')));
    await expect(failure).rejects.toMatchObject({
      code,
      logFields: { status, resourceCode: type, resourceMessage: text || undefined },
    });
    await expect(failure).rejects.toThrow(`(${status} ${type})`.replace(/^\(500/, '500').replace(/\)$/, ''));
  });

  test('reads the inner exception of an error without details', async () => {
    const { client } = stage(() =>
      Response.json(
        {
          error: {
            code: 'BadRequest',
            innererror: { internalexception: { type: 'System.Exception', message: 'Expired' } },
          },
        },
        { status: 400 },
      ),
    );
    await expect(Array.fromAsync(client.list('Get-Mailbox'))).rejects.toMatchObject({
      logFields: { resourceCode: 'Exception', resourceMessage: 'Expired' },
    });
  });
});

interface Part {
  readonly id: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: { readonly CmdletInput: { readonly Parameters: { readonly Mailbox: string } } };
}
const partsOf = ({ body = '' }: SeenRequest): readonly Part[] => (JSON.parse(body) as { requests: Part[] }).requests;
const rulesOf = (count: number) =>
  Array.from({ length: count }, (_, at) => ({
    id: `m${at}`,
    cmdlet: 'Get-InboxRule',
    parameters: { Mailbox: `m${at}@contoso.com` },
  }));

describe('batch', () => {
  test('sends ten cmdlets in a request, each with its own anchor', async () => {
    const { client, seen, counted } = stage((request) => ({
      responses: partsOf(request).map(({ id }) => ({ id, status: 200, body: { value: [{ Name: id }] } })),
    }));
    const replies = await client.batch(rulesOf(23), { select: ['Name'] });
    expect(seen.map((request) => [request.url.href, partsOf(request).length])).toEqual([
      [`${root}/$batch`, 10],
      [`${root}/$batch`, 10],
      [`${root}/$batch`, 3],
    ]);
    expect(seen[0]?.headers.get('prefer')).toContain('odata.continue-on-error');
    expect(partsOf(seen[2]!)[0]).toMatchObject({
      id: 'm20',
      method: 'POST',
      url: `${root}/InvokeCommand?$select=Name`,
      headers: { 'x-anchormailbox': 'UPN:m20@contoso.com', 'content-type': 'application/json' },
      body: { CmdletInput: { CmdletName: 'Get-InboxRule', Parameters: { Mailbox: 'm20@contoso.com' } } },
    });
    expect(replies).toEqual(rulesOf(23).map(({ id }) => ({ id, ok: true, value: [{ Name: id }] })));
    expect(counted.map(({ paths }) => paths.length)).toEqual([10, 10, 3]);
  });

  test('keeps the failure of one mailbox apart from the others, and sends a throttled one again', async () => {
    let throttled = 0;
    const staged = stage((request) => ({
      responses: partsOf(request).map(({ id }) => {
        if (id === 'm0') return { id, status: 403, body: { error: { code: 'Forbidden' } } };
        if (id === 'm1' && throttled++ === 0)
          return {
            id,
            status: 429,
            headers: { 'Retry-After': '3', 'X-Ms-Throttle-Scope': 'Tenant_Application/Read' },
            body: { error: { code: 'TooManyRequests' } },
          };
        return { id, status: 200, body: { value: [{ Name: id === 'm2' ? 5 : id }] } };
      }),
    }));
    const shape = z.object({ Name: z.string() });
    const replies = await outcomeOf(staged, staged.client.batch(rulesOf(4), { shape }));
    expect(replies.map((reply) => (reply.ok ? reply.value : reply.error.code))).toEqual([
      'access_denied',
      [{ Name: 'm1' }],
      'resource_error',
      [{ Name: 'm3' }],
    ]);
    expect(staged.seen.map((request) => partsOf(request).map(({ id }) => id))).toEqual([
      ['m0', 'm1', 'm2', 'm3'],
      ['m1'],
    ]);
    expect(staged.paused).toMatchObject([[{ resource: 'exchange' }, 3, 'Tenant_Application/Read']]);
  });

  test('reads the further pages of a cmdlet', async () => {
    const { client, seen } = stage(
      inTurn(
        () => ({
          responses: [
            {
              id: 'm0',
              status: 200,
              body: { value: [{ Name: 1 }], '@odata.nextLink': `${root}/InvokeCommand?$skiptoken=x` },
            },
          ],
        }),
        () => ({ value: [{ Name: 2 }] }),
      ),
    );
    expect(await client.batch(rulesOf(1))).toEqual([{ id: 'm0', ok: true, value: [{ Name: 1 }, { Name: 2 }] }]);
    expect(JSON.parse(seen[1]?.body ?? '')).toEqual(partsOf(seen[0]!)[0]?.body);
  });

  test('refuses equal ids, and what the gate refuses, before anything is sent', async () => {
    const { client, seen } = stage(() => ({}));
    await expect(client.batch([...rulesOf(1), ...rulesOf(1)])).rejects.toThrow(TypeError);
    await expect(client.batch([...rulesOf(1), { id: 'x', cmdlet: 'Set-Mailbox' }])).rejects.toThrow('refused');
    expect(seen).toEqual([]);
    expect(await client.batch([])).toEqual([]);
  });

  test('fails as a whole if the batch is refused', async () => {
    const { client } = stage(() => problem(403, 'Forbidden'));
    await expect(client.batch(rulesOf(2))).rejects.toMatchObject({ code: 'access_denied' });
  });
});
