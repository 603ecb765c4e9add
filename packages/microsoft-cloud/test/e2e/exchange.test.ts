import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changeTenant, resetLedger } from '../../src/client.ts';
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
    const reply = await invoke('Get-MessageTrace');
    expect(reply.status).toBe(400);
    expect(JSON.stringify(reply.body)).toContain("The term 'Get-MessageTrace' is not recognized");
    expect(cloud.ledger.read().totals.unmatched).toBe(1);
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

  it('lets Global Reader read, but not write', async () => {
    const Identity = rowsOf(await invoke('Get-Mailbox'))[0]?.['Identity'];
    await changeTenant(cloud.control, tenant, { withoutRoles: ['Exchange Administrator'] });
    expect((await invoke('Get-Mailbox', { Identity })).status).toBe(200);
    expect((await invoke('Set-CASMailbox', { Identity, PopEnabled: false })).status).toBe(403);
    await changeTenant(cloud.control, tenant, { withoutRoles: [] });
    expect((await invoke('Set-CASMailbox', { Identity, PopEnabled: false })).status).toBe(200);
  });
});
