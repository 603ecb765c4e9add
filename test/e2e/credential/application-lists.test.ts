import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { account } from 'microsoft-cloud/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { additionalFile, cipp, cippFile, type Listed, mspGdap, mspGdapFile } from '../../support/application-lists.ts';
import { type CommandLine, type Ended, openCommandLine } from './command-line.ts';
import { browser, startOperator, type TestOperator } from './operator.ts';

// An operator has the list of permissions of another application: it is set up, consented to and read back.

const partnerCenterAppId = 'fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd';
const licenceManagerAppId = 'aeb86249-8ea3-49e2-900b-54cc8e308f85';
const signInScopes = ['offline_access', 'openid', 'profile'];

let operator: TestOperator;
let line: CommandLine;
let tenantId: string;
beforeAll(async () => {
  operator = await startOperator({
    tenants: 3,
    plain: true,
    settings: { consentPropagationMs: 0 },
    customers: { 1: { lacks: [licenceManagerAppId] } },
  });
  await operator.setUp({ account: account(operator.cloud, 'broker') });
  await operator.consent(browser(operator.cloud));
  line = await openCommandLine(operator);
  tenantId = operator.cloud.document.tenants[0]?.tenantId ?? '';
});
afterAll(async () => {
  await line.close();
  await operator.stop();
});

const admin = (...args: readonly string[]): Promise<Ended> => line.ptb(args, 'admin');
const broker = (...args: readonly string[]): Promise<Ended> => line.ptb(args);
const save = async (name: string, file: unknown): Promise<string> => {
  await writeFile(join(line.folder, name), typeof file === 'string' ? file : JSON.stringify(file));
  return name;
};
const partner = () => operator.cloud.world.partner.directory;
const registered = (name: string) =>
  [...partner().applications.values()].find(({ displayName }) => displayName.endsWith(`(${name})`));
const customer = (id: string) => operator.cloud.world.directoryOf(operator.cloud.world.findCustomer(id)!);

/** What an application is registered with: one line per permission. */
const registeredLines = (name: string): readonly string[] =>
  (registered(name)?.requiredResourceAccess ?? [])
    .flatMap(({ resourceAppId, resourceAccess }) =>
      resourceAccess.map(({ id, type }) => `${resourceAppId} ${type} ${id}`),
    )
    .toSorted();
/** The delegated permissions that it is consented to in a tenant: one line each. */
function grantedIn(directory: ReturnType<typeof partner>, name: string): readonly string[] {
  const principal = directory.servicePrincipalOf(registered(name)?.appId ?? '');
  return [...directory.permissionGrants.values()]
    .filter(({ clientId }) => clientId === principal?.id)
    .flatMap(({ resourceId, scope }) =>
      scope.split(' ').map((value) => `${directory.servicePrincipals.get(resourceId)?.appId} ${value}`),
    )
    .toSorted();
}
/** The application permissions that it has in the partner tenant. */
const rolesOf = (name: string): readonly string[] => {
  const principal = partner().servicePrincipalOf(registered(name)?.appId ?? '');
  return [...partner().roleAssignments.values()]
    .filter(({ principalId }) => principalId === principal?.id)
    .map(({ resourceId, appRoleId }) => `${partner().servicePrincipals.get(resourceId)?.appId} ${appRoleId}`)
    .toSorted();
};
const scopesIn = (list: readonly Listed[]): readonly string[] =>
  list.flatMap(({ appId, type, value }) => (type === 'Scope' ? [`${appId} ${value}`] : [])).toSorted();

interface Checked {
  readonly tenants: readonly {
    readonly outcome: string;
    readonly missing: readonly { readonly name: string; readonly scopes: readonly string[] }[];
    readonly excess: readonly { readonly name: string; readonly scopes: readonly string[] }[];
    readonly unavailable: readonly { readonly appId: string }[];
  }[];
}
async function checked(name: string, ...more: readonly string[]) {
  const ended = await broker('tenants', 'consent', '--check', '--json', '--application', name, ...more);
  return { exitCode: ended.exitCode, tenants: (JSON.parse(ended.stdout) as Checked).tenants };
}

describe.each([
  ['cipp', cipp, cippFile()],
  ['mspgdap', mspGdap, mspGdapFile()],
])('the published list of %s', (name, list, file) => {
  const application = ['--application', name] as const;

  it('is registered and consented to in the partner tenant, each permission and no other', async () => {
    const args = ['setup', '--yes', ...application, '--permissions', await save(`${name}.json`, file)] as const;
    expect(await admin(...args, '--account', account(operator.cloud, 'broker'))).toMatchObject({ exitCode: 0 });
    expect(registeredLines(name)).toEqual(list.map(({ appId, type, id }) => `${appId} ${type} ${id}`).toSorted());
    expect(grantedIn(partner(), name)).toEqual(
      [...new Set([...scopesIn(list), ...signInScopes.map((value) => `${list[0]?.appId} ${value}`)])].toSorted(),
    );
    expect(rolesOf(name)).toEqual(
      list.flatMap(({ appId, type, id }) => (type === 'Role' ? [`${appId} ${id}`] : [])).toSorted(),
    );
    // Read back, the application has nothing missing and nothing beyond the list.
    const again = await admin(...args, '--dry-run', '--json');
    expect(JSON.parse(again.stdout)).toMatchObject({ steps: [] });
  });

  it('reaches the consent of customers, and is read back without a difference', async () => {
    expect(await broker('consent', ...application)).toMatchObject({ exitCode: 0 });
    expect(await broker('tenants', 'consent', ...application)).toMatchObject({ exitCode: 0 });
    const expected = scopesIn(list).filter((each) => !each.startsWith(partnerCenterAppId));
    expect(grantedIn(customer(tenantId), name)).toEqual(expected);
    for (const more of [[], ['--permissions', `${name}.json`]]) {
      const { exitCode, tenants } = await checked(name, ...more);
      expect([exitCode, tenants.map(({ outcome }) => outcome)]).toEqual([0, ['equal', 'equal', 'equal']]);
      expect(tenants[1]?.unavailable.map(({ appId }) => appId)).toEqual(name === 'cipp' ? [licenceManagerAppId] : []);
    }
  });

  it('is compared with what a customer consented to: what is missing and what is too much', async () => {
    const directory = customer(tenantId);
    const principal = directory.servicePrincipalOf(registered(name)?.appId ?? '');
    const graph = directory.servicePrincipalOf(list[0]?.appId ?? '');
    const grant = [...directory.permissionGrants.values()].find(
      ({ clientId, resourceId }) => clientId === principal?.id && resourceId === graph?.id,
    );
    const before = grant?.scope ?? '';
    const without = before.split(' ').filter((scope) => scope !== 'Domain.ReadWrite.All');
    Object.assign(grant ?? {}, { scope: [...without, 'EntitlementManagement.Read.All'].join(' ') });
    const { exitCode, tenants } = await checked(name, '--tenant', tenantId);
    Object.assign(grant ?? {}, { scope: before });
    expect([exitCode, tenants]).toMatchObject([
      3,
      [
        {
          missing: [{ name: 'Microsoft Graph', scopes: ['Domain.ReadWrite.All'] }],
          excess: [{ name: 'Microsoft Graph', scopes: ['EntitlementManagement.Read.All'] }],
        },
      ],
    ]);
  });
});

describe('a list with wrong permissions', () => {
  const refused = async (file: unknown) => {
    const applications = partner().applications.size;
    const before = registeredLines('cipp');
    const ended = await admin('setup', '--yes', '--application', 'cipp', '--permissions', await save('w.json', file));
    expect([ended.exitCode, partner().applications.size, registeredLines('cipp')]).toEqual([1, applications, before]);
    return ended.stderr;
  };

  it('changes nothing, and names each of them with the nearest right one', async () => {
    const [first, second, third, ...rest] = cipp;
    const role = cipp.find(({ type, value }) => type === 'Role' && value === 'Sites.FullControl.All');
    const wrong = [
      { ...first!, id: `${first!.id.slice(0, -2)}00` },
      { ...second!, value: 'Application.ReadWriteAll', id: 'Application.ReadWriteAll' },
      { ...third!, id: '00000000-1111-4222-8333-444444444444' },
      { ...role!, type: 'Scope' as const },
    ];
    const text = await refused(cippFile([...wrong, ...rest]));
    expect(text).toContain(`did you mean "${first!.value}" (${first!.id})?`);
    expect(text).toContain(`"Application.ReadWriteAll"; did you mean "Application.ReadWrite.All" (${second!.id})?`);
    expect(text).toContain('has no delegated permission "00000000-1111-4222-8333-444444444444".');
    expect(text).toContain(`did you mean the application permission "Sites.FullControl.All" (${role!.id})?`);
    expect(text).toContain('Correct the file.');
  });

  it('is refused where an id is not that of the value beside it', async () => {
    const [first, second] = mspGdap;
    const text = await refused(mspGdapFile([{ ...first!, id: second!.id }]));
    expect(text).toContain(
      `has no delegated permission "${first!.value}" with the id ${second!.id}; did you mean "${first!.value}" (${first!.id})?`,
    );
  });

  it('is refused where Microsoft publishes no such resource or permission, as in what CIPP adds to its manifest', async () => {
    const sharePoint = '00000003-0000-0ff1-ce00-000000000000';
    const portal = '00000006-0000-0ff1-ce00-000000000000';
    const added = (appId: string, value: string): Listed => ({ appId, type: 'Scope', value, id: value });
    const text = await refused(
      additionalFile([added(sharePoint, 'AllProfiles.Manage'), added(portal, 'user_impersonation')]),
    );
    expect(text).toContain('Office 365 SharePoint Online has no delegated permission "AllProfiles.Manage"');
    expect(text).toContain(`no service principal in the partner tenant has the id ${portal}`);
    expect(text).toContain(`az ad sp create --id ${portal}`);
  });

  it.each<[string, unknown, string]>([
    ['text that is not JSON', '{', 'is not JSON'],
    ['an empty list', [], 'names no resource'],
    ['another kind of list', { requiredResourceAccess: {} }, 'w.json: Invalid input: expected array'],
    ['a resource without a GUID', [{ resourceAppId: 'graph', resourceAccess: [] }], 'is not a GUID'],
    [
      'an unknown type',
      [{ resourceAppId: partnerCenterAppId, resourceAccess: [{ id: 'x', type: 'scope' }] }],
      'w.json: 0.resourceAccess.0.type: ',
    ],
  ])('is refused: %s', async (_, file, text) => {
    expect(await refused(file)).toContain(text);
  });
});

it('takes a list with values for ids, and one permission that stands twice only once', async () => {
  const graph = mspGdap.filter(({ value }) => ['User.Read', 'Domain.Read.All'].includes(value));
  const file = additionalFile([...graph, ...graph, ...mspGdap.filter(({ appId }) => appId === partnerCenterAppId)]);
  expect(
    await admin('setup', '--yes', '--application', 'twice', '--permissions', await save('twice.json', file)),
  ).toMatchObject({ exitCode: 0 });
  expect(registeredLines('twice')).toHaveLength(3);
});
