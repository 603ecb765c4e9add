import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changeTenant, resetLedger } from '../../src/client.ts';
import { exchangeAppId } from '../../src/directory/microsoft-resources.ts';
import { grantScopes } from '../../src/directory/tenant-directory.ts';
import type { Row } from '../../src/graph/declaration.ts';
import type { RunningCloud } from '../../src/index.ts';
import { accessToken, call, type JsonReply, startTrustedCloud } from '../../src/testing.ts';

/** The forms are those that open-source partner tools send. */
let cloud: RunningCloud;
let tenant: string;
let token: string;
beforeAll(async () => {
  cloud = await startTrustedCloud({ tenants: 8, plain: true });
  // It has enough users for several pages.
  tenant = cloud.document.tenants[7]?.tenantId ?? '';
  token = await accessToken(cloud, tenant, 'https://outlook.office365.com');
});
afterAll(() => cloud.stop());

type Rows = readonly Readonly<Record<string, unknown>>[];

const root = (): string => `${cloud.document.exchange}/adminapi/beta/${tenant}`;
const input = (CmdletName: string, Parameters = {}): object => ({ CmdletInput: { CmdletName, Parameters } });
const post = (url: string, body: object, headers: Readonly<Record<string, string>> = {}): Promise<JsonReply> =>
  call(url, token, { method: 'POST', body: JSON.stringify(body), headers });
const invoke = (name: string, parameters = {}, query = ''): Promise<JsonReply> =>
  post(`${root()}/InvokeCommand${query}`, input(name, parameters));
const rowsOf = ({ body }: JsonReply): Rows => body['value'] as Rows;

describe('Exchange', () => {
  it('returns pages until the link is missing, with the selected properties', async () => {
    const rows: Rows[] = [];
    let url: string | undefined = `${root()}/InvokeCommand?$select=UserPrincipalName,RecipientTypeDetails`;
    while (url !== undefined) {
      const reply: JsonReply = await post(url, input('Get-Mailbox', { ResultSize: 'Unlimited' }), {
        prefer: 'odata.maxpagesize = 40',
        'x-anchormailbox': `APP:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}@${tenant}`,
      });
      rows.push(rowsOf(reply));
      url = reply.body['@odata.nextLink'] as string | undefined;
    }
    expect(rows.length).toBeGreaterThan(2);
    const all = rowsOf(await invoke('Get-Mailbox', { ResultSize: 'Unlimited' }));
    expect(rows.flat()).toEqual(
      all.map(({ UserPrincipalName, RecipientTypeDetails }) => ({ UserPrincipalName, RecipientTypeDetails })),
    );
  });

  it('lists by address what Get-EXOMailbox reads', async () => {
    const shared = await call(`${root()}/Mailbox?$filter=RecipientTypeDetails eq 'SharedMailbox'&$top=1000`, token);
    const expected = rowsOf(await invoke('Get-Mailbox', { RecipientTypeDetails: 'SharedMailbox' }));
    expect(expected.length).toBeGreaterThan(0);
    expect(rowsOf(shared)).toEqual(expected);
    expect(rowsOf(await call(`${root()}/CasMailbox`, token))).toHaveLength(
      rowsOf(await invoke('Get-CASMailbox')).length,
    );
  });

  it('answers a batch part by part', async () => {
    const parts = [
      input('Get-AcceptedDomain'),
      input('Get-Mailbox', { Identity: 'nobody' }),
      input('Get-OrganizationConfig'),
    ].map((body, at) => ({ id: String(at), method: 'POST', url: `${root()}/InvokeCommand?`, body, headers: {} }));
    const send = async (prefer: string) => {
      const { body } = await post(`${root()}/$batch`, { requests: parts }, { prefer });
      return (body['responses'] as { id: string; status: number; body: { value?: Rows } }[]).map((each) => [
        each.id,
        each.status,
        each.body.value?.length,
      ]);
    };
    const [domains, missing, organization] = [
      ['0', 200, 2],
      ['1', 404, undefined],
      ['2', 200, 1],
    ];
    expect(await send('odata.maxpagesize=1000;odata.continue-on-error')).toEqual([domains, missing, organization]);
    expect(await send('odata.maxpagesize=1000')).toEqual([domains, missing]);
    expect((await post(`${root()}/$batch`, { requests: [] })).status).toBe(400);
    const foreign = cloud.document.tenants[0]?.tenantId ?? '';
    const other = { ...parts[0], url: `${root().replace(tenant, foreign)}/InvokeCommand` };
    const { body } = await post(`${root()}/$batch`, { requests: [other] });
    expect(body['responses']).toMatchObject([{ id: '0', status: 403 }]);
  });

  it('keeps what was written', async () => {
    const Identity = rowsOf(await invoke('Get-Mailbox'))[5]?.['PrimarySmtpAddress'];
    const written = await invoke('Set-Mailbox', { Identity, ForwardingSmtpAddress: 'smtp:out@mail.example' });
    expect([written.status, rowsOf(written)]).toEqual([200, []]);
    expect(rowsOf(await invoke('Get-Mailbox', { Identity }))).toMatchObject([
      { ForwardingSmtpAddress: 'smtp:out@mail.example' },
    ]);
  });

  it('marks a cmdlet that it does not know, because Exchange may know it', async () => {
    await resetLedger(cloud.control);
    const reply = await invoke('Get-PublicFolder');
    expect(reply.status).toBe(400);
    expect(JSON.stringify(reply.body)).toContain("The term 'Get-PublicFolder' is not recognized");
    expect(cloud.ledger.read().totals.unmatched).toBe(1);
  });

  it.each([
    ['a parameter', 'MailboxPlan', 'x', 1],
    ['a property in a filter', 'Filter', "MailboxPlan -eq 'x'", 1],
    ['an operator of a filter', 'Filter', "Alias -gt 'x'", 1],
    ['a value of the wrong type', 'ResultSize', 'many', 0],
    ['an object that does not exist', 'Identity', 'nobody', 0],
  ])('marks %s that Exchange may know, and no other error', async (_what, name, value, unmatched) => {
    await resetLedger(cloud.control);
    expect((await invoke('Get-Mailbox', { [name]: value })).status).toBeGreaterThanOrEqual(400);
    expect(cloud.ledger.read().totals.unmatched).toBe(unmatched);
  });

  it.each([
    '{"CmdletInput":{}}',
    '{"CmdletInput":null}',
    '[]',
    'x',
    '{"CmdletInput":{"CmdletName":"Get-User","Parameters":[]}}',
  ])('refuses the body %s', async (body) => {
    const reply = await call(`${root()}/InvokeCommand`, token, { method: 'POST', body });
    expect([reply.status, (reply.body['error'] as { code: string }).code]).toEqual([400, 'BadRequest']);
  });

  it('adds the account of a new mailbox to the directory', async () => {
    const [made] = rowsOf(await invoke('New-Mailbox', { Name: 'Parcels', Shared: true }));
    const graph = await accessToken(cloud, tenant, 'https://graph.microsoft.com');
    const { status, body } = await call(
      `${cloud.document.graph}/v1.0/users/${String(made?.['ExternalDirectoryObjectId'])}`,
      graph,
    );
    expect([status, body['userPrincipalName']]).toEqual([200, made?.['PrimarySmtpAddress']]);
  });

  it('lets Global Reader read, but not write', async () => {
    const Identity = rowsOf(await invoke('Get-Mailbox'))[0]?.['Identity'];
    await changeTenant(cloud.control, tenant, { withoutRoles: ['Exchange Administrator'] });
    expect((await invoke('Get-Mailbox', { Identity })).status).toBe(200);
    expect((await invoke('Set-CASMailbox', { Identity, PopEnabled: false })).status).toBe(403);
    await changeTenant(cloud.control, tenant, { withoutRoles: [] });
    expect((await invoke('Set-CASMailbox', { Identity, PopEnabled: false })).status).toBe(200);
  });
});

describe('the Admin API', () => {
  const adminApi = (endpoint: string, name: string, parameters?: object, query = ''): Promise<JsonReply> =>
    call(`${cloud.document.exchange}/adminapi/v2.0/${tenant}/${endpoint}${query}`, adminToken, {
      method: 'POST',
      body: JSON.stringify({
        CmdletInput: { CmdletName: name, ...(parameters === undefined ? {} : { Parameters: parameters }) },
      }),
    });
  let adminToken: string;
  beforeAll(async () => {
    const customer = cloud.world.customers[7];
    if (customer === undefined) throw new Error('The cloud has no eighth customer.');
    const directory = cloud.world.directoryOf(customer);
    const clientId = directory.servicePrincipalOf(cloud.document.application.clientId)?.id ?? '';
    const resourceId = directory.servicePrincipalOf(exchangeAppId)?.id ?? '';
    grantScopes(directory, { clientId, resourceId, scopes: ['Exchange.ManageV2'] }, 0);
    // The other spelling of the audience is the same resource.
    adminToken = await accessToken(cloud, tenant, 'https://outlook.office.com');
  });

  it('answers each of its endpoints with the cmdlets that its page names', async () => {
    const mailboxes = rowsOf(await adminApi('Mailbox', 'Get-Mailbox'));
    const [first, second] = mailboxes.map(({ PrimarySmtpAddress: each }) => String(each));
    const calendar = { Identity: `${first}:\\Calendar` };
    const answers = [
      await adminApi('OrganizationConfig', 'Get-OrganizationConfig'),
      await adminApi('AcceptedDomain', 'Get-AcceptedDomain', { ResultSize: 'Unlimited' }),
      await adminApi('Mailbox', 'Set-Mailbox', { Identity: first, GrantSendOnBehalfTo: [second] }),
      await adminApi('Mailbox', 'Get-Mailbox', { Identity: first, IncludeGrantSendOnBehalfToWithDisplayNames: true }),
      await adminApi('MailboxFolderPermission', 'Add-MailboxFolderPermission', {
        ...calendar,
        User: second,
        AccessRights: ['Reviewer'],
      }),
      await adminApi('MailboxFolderPermission', 'Get-MailboxFolderPermission', calendar),
      await adminApi('DistributionGroupMember', 'Get-DistributionGroupMember', { Identity: 'Everyone' }),
    ];
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(rowsOf(answers[3] as JsonReply)[0]?.['GrantSendOnBehalfToWithDisplayNames']).toHaveLength(1);
    expect(JSON.stringify(answers[5]?.body)).toContain(second);
  });

  it('pages by ResultSize, with the same body', async () => {
    const all = rowsOf(await adminApi('Mailbox', 'Get-Mailbox', {}, '?$select=Identity'));
    const page = await adminApi('Mailbox', 'Get-Mailbox', { ResultSize: 50 }, '?$select=Identity');
    expect(rowsOf(page)).toEqual(all.slice(0, 50));
    const next = new URL(String(page.body['@odata.nextLink'])).search;
    expect(rowsOf(await adminApi('Mailbox', 'Get-Mailbox', { ResultSize: 50 }, next))).toEqual(all.slice(50, 100));
  });

  it('refuses other cmdlets, parameters, methods and permissions', async () => {
    expect((await adminApi('Mailbox', 'Get-CASMailbox')).status).toBe(400);
    expect((await adminApi('Mailbox', 'Get-Mailbox', { Filter: "Alias -eq 'x'" })).status).toBe(400);
    expect((await adminApi('OrganizationConfig', 'Get-OrganizationConfig', { Identity: 'x' })).status).toBe(400);
    const address = `${cloud.document.exchange}/adminapi/v2.0/${tenant}/Mailbox`;
    expect((await call(address, adminToken)).status).toBe(404);
    const withoutV2 = { method: 'POST', body: JSON.stringify(input('Get-Mailbox')) };
    expect((await call(address, token, withoutV2)).status).toBe(403);
  });
});

it('gives a token for Security & Compliance with the consent to Exchange', async () => {
  const compliance = await accessToken(cloud, tenant, 'https://ps.compliance.protection.outlook.com');
  const claims = JSON.parse(Buffer.from(compliance.split('.')[1] ?? '', 'base64url').toString('utf8')) as Row;
  expect(claims['aud']).toBe('https://ps.compliance.protection.outlook.com');
  expect(String(claims['scp']).split(' ')).toContain('Exchange.Manage');
});
