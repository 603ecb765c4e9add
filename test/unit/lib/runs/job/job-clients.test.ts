import { describe, expect, it } from 'vitest';
import type { TokenRequest } from '../../../../../src/lib/core/secrets.ts';
import { defineJob, type JobContext } from '../../../../../src/lib/runs/job/job.ts';
import { contoso, tryJob, type TryJobOptions } from '../../../../support/try-job.ts';

const exchangeJob = (run: (context: JobContext) => Promise<unknown>, more: object = {}) =>
  defineJob({
    name: 'probe',
    title: 'Probe',
    resources: ['exchange'],
    permissions: ['Exchange.Manage'],
    timeoutSeconds: 60,
    run: async (context) => [{ got: JSON.stringify(await run(context)) }],
    ...more,
  });
const reads = (cmdlet: string, more?: object) =>
  exchangeJob(({ exchange }) => Array.fromAsync(exchange.list(cmdlet)), more);

describe('the Exchange client of a job', () => {
  const exchange = () => [{ Name: 'a' }];

  it('reads with the delegated token of the tenant', async () => {
    const asked: TokenRequest[] = [];
    const token = (request: TokenRequest): void => void asked.push(request);
    const { rows, cmdlets } = await tryJob(reads('Get-Mailbox'), { exchange, token });
    expect(rows).toEqual([{ got: '[{"Name":"a"}]' }]);
    expect(cmdlets).toMatchObject([{ cmdlet: 'Get-Mailbox', parameters: {} }]);
    expect(cmdlets[0]?.url.pathname).toBe(`/adminapi/beta/${contoso.tenantId}/InvokeCommand`);
    expect(asked).toMatchObject([{ tenantId: contoso.tenantId, grant: 'delegated', resource: { alias: 'exchange' } }]);
    expect(asked[0]).not.toHaveProperty('ofPartner');
  });

  it.each([
    [
      'no permission',
      reads('Get-Mailbox', { permissions: [] }),
      /None of the job's permissions opens cmdlets; add Exchange\.Manage\./,
    ],
    ['a permission of Graph', reads('Get-Mailbox', { permissions: ['Mail.Read'] }), /add Exchange\.Manage/],
    [
      'no resource',
      reads('Get-Mailbox', { resources: ['graph'] }),
      /resource "exchange", which its definition does not list/,
    ],
    ['a cmdlet that changes', reads('Set-Mailbox'), /The cmdlet Set-Mailbox may change something/],
    ['a search that deletes', reads('Search-Mailbox'), /may change something/],
    ['a test that connects', reads('Test-MigrationServerAvailability'), /may change something/],
    ['a name that is none', reads('Get-Mailbox; Remove-Mailbox'), /CmdletInput is not/],
    [
      'a parameter name that is none',
      exchangeJob(({ exchange: client }) => Array.fromAsync(client.list('Get-Mailbox', { '-Identity x': 1 }))),
      /name that parameters do not have/,
    ],
    [
      'one in a batch',
      exchangeJob(({ exchange: client }) =>
        client.batch([
          { id: '1', cmdlet: 'Get-Mailbox' },
          { id: '2', cmdlet: 'Remove-Mailbox' },
        ]),
      ),
      /Remove-Mailbox may change something/,
    ],
  ])('sends nothing with %s', async (_case, job, detail) => {
    let sent = 0;
    const failure = tryJob(job, { exchange: () => [{ sent: (sent += 1) }] });
    await expect(failure).rejects.toMatchObject({
      code: 'job_failed',
      detail: expect.stringMatching(detail) as string,
    });
    expect(sent).toBe(0);
  });

  it.each(['get-mailbox', 'Search-UnifiedAuditLog', 'Test-ApplicationAccessPolicy'])('runs %s', async (cmdlet) => {
    expect((await tryJob(reads(cmdlet), { exchange })).cmdlets).toMatchObject([{ cmdlet }]);
  });
});

describe('the Partner Center client of a job', () => {
  const asks = (path: string, resources = ['partner-center']) =>
    defineJob({
      name: 'probe',
      title: 'Probe',
      resources,
      timeoutSeconds: 60,
      run: async ({ partnerCenter }) =>
        (await Array.fromAsync(partnerCenter.list(path))).map(({ id }) => ({ id: String(id) })),
    });
  const path = '/v1/customers/{tenant}/subscriptions';
  const own = `/v1/customers/${contoso.tenantId}/subscriptions`;

  it("reads the pages below the tenant, with the partner's own token", async () => {
    const asked: TokenRequest[] = [];
    const next = { uri: `${own.slice(3)}?seekOperation=Next`, headers: [{ key: 'MS-ContinuationToken', value: 'x' }] };
    const { rows, requests } = await tryJob(asks(path), {
      token: (request) => void asked.push(request),
      partnerCenter: ({ url }) =>
        url.search === '' ? { items: [{ id: 'a' }], links: { next } } : { items: [{ id: 'b' }] },
    });
    expect(rows).toEqual([{ id: 'a' }, { id: 'b' }]);
    expect(requests.map(({ method, url }) => [method, url.href])).toEqual([
      ['GET', `https://api.partnercenter.microsoft.com${own}`],
      ['GET', `https://api.partnercenter.microsoft.com${own}?seekOperation=Next`],
    ]);
    expect(requests[1]?.headers.get('ms-continuationtoken')).toBe('x');
    expect(asked).toMatchObject([
      { tenantId: contoso.tenantId, ofPartner: true, grant: 'delegated', resource: { alias: 'partner-center' } },
      { ofPartner: true },
    ]);
  });

  const other = '99999999-2222-4333-8444-555555555555';
  it.each([
    '/v1/customers/{tenant}',
    '/v1/customers',
    '/v1/invoices',
    `/v1/customers/${other}/subscriptions`,
    `/v1/customers/{tenant}/../${other}/subscriptions`,
    `/v1/customers/{tenant}/%2e%2e/${other}/subscriptions`,
    `/v1/customers/{tenant}%2f..%2f${other}/subscriptions`,
    `/v1/customers/{tenant}/subscriptions;x`,
    `/v1/customers//{tenant}/subscriptions`,
    `@evil.test/v1/customers/{tenant}/subscriptions`,
    `.evil.test/v1/customers/{tenant}/subscriptions`,
  ])('asks for nothing outside the tenant: %s', async (outside) => {
    const asked: TokenRequest[] = [];
    const token = (request: TokenRequest): void => void asked.push(request);
    const failure = tryJob(asks(outside), {
      token,
      partnerCenter: () => ({ items: [] }),
      graph: () => ({ items: [] }),
    });
    await expect(failure).rejects.toMatchObject({
      code: expect.stringMatching(/^(job_failed|resource_error)$/) as string,
    });
    expect(asked).toEqual([]);
  });

  it('follows no link to another customer or host', async () => {
    for (const uri of [`/customers/${other}/subscriptions`, `https://evil.test${own}`]) {
      const partnerCenter: TryJobOptions['partnerCenter'] = () => ({ items: [], links: { next: { uri } } });
      const tokens: string[] = [];
      const token = ({ resource }: TokenRequest): void => void tokens.push(resource.alias);
      await expect(tryJob(asks(path), { partnerCenter, token })).rejects.toBeInstanceOf(Error);
      expect(tokens).toHaveLength(1);
    }
  });

  it('needs the resource in the definition', async () => {
    await expect(tryJob(asks(path, ['graph']), { partnerCenter: { [own]: { items: [] } } })).rejects.toThrow(
      /resource "partner-center", which its definition does not list/,
    );
  });
});
