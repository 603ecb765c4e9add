import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { applicationPath, issueClientSecret } from '../../../src/lib/tokens/credential/client-keys.ts';
import { redeemAsApplication } from '../../../src/lib/tokens/credential/prove-client-credential.ts';
import type { ClientCredential, Credential } from '../../../src/lib/core/secrets.ts';
import { runSetup } from '../../../src/operator/setup/setup.ts';
import { account, adminToken } from 'microsoft-cloud/testing';
import { type CommandLine, openCommandLine } from './command-line.ts';
import { browser, startOperator, type TestOperator } from './operator.ts';

interface Report {
  readonly proven: boolean;
  readonly results: readonly { readonly step: string; readonly done: boolean; readonly detail?: string }[];
  readonly proof: readonly {
    readonly item: string;
    readonly proven: boolean;
    readonly aadsts?: number;
    readonly detail: string;
  }[];
}

let operator: TestOperator;
let line: CommandLine;
beforeAll(async () => {
  operator = await startOperator();
  line = await openCommandLine(operator);
});
afterEach(() => operator.cloud.faults.clear());
afterAll(async () => {
  await line.close();
  await operator.stop();
});

/** A new application with a client secret and a refresh token, which have leaked. */
async function leakedCredential(application: string): Promise<Credential> {
  await operator.setUp({ application, displayName: application });
  await operator.consent(browser(operator.cloud), { application });
  return operator.store.load(application);
}

const secretName = (application: string, part: 'client-credential' | 'refresh-token') => `ptb-${application}-${part}`;

async function softDelete(application: string, part: 'client-credential' | 'refresh-token'): Promise<void> {
  await (await operator.secrets.beginDeleteSecret(secretName(application, part))).pollUntilDone();
}

const revoke = async (application: string, ...args: readonly string[]) => {
  const { exitCode, stdout, stderr } = await line.ptb(
    ['revoke', '--application', application, '--json', ...args],
    'admin',
  );
  return { exitCode, stderr, stdout, report: (stdout === '' ? {} : JSON.parse(stdout)) as Report };
};

const graph = async () => operator.graphOf(await adminToken(operator.cloud));

/** The AADSTS number with which Entra refuses the leaked client secret, or undefined if it issues a token. */
async function refusalOfSecret({ client }: Credential): Promise<unknown> {
  const reply = await redeemAsApplication({ ...operator, graphIdentifier: operator.canaryResource }, client);
  return reply.ok ? undefined : reply.failure.logFields['aadsts'];
}

/** The same for the leaked refresh token, with a client secret that works. */
async function refusalOfRefreshToken({ client, refreshToken }: Credential): Promise<unknown> {
  const { writer } = await graph();
  const { secret } = await issueClientSecret(writer, operator.clock, applicationPath(client.clientId));
  const clientCredential: ClientCredential = { kind: 'secret', secret };
  const reply = await operator.redeemer.redeem({
    tenantId: operator.partnerTenantId,
    resourceIdentifier: operator.canaryResource,
    clientId: client.clientId,
    clientCredential,
    grant: { kind: 'delegated', refreshToken: refreshToken!.secret },
    correlationId: 'leaked',
  });
  return reply.ok ? undefined : reply.failure.logFields['aadsts'];
}

const isAnyEnabled = async (application: string): Promise<boolean> =>
  [
    ...(await operator.store.listClientCredentialVersions(application)),
    ...(await operator.store.listRefreshTokenVersions(application)),
  ].some(({ enabled }) => enabled);

const openItems = ({ proof }: Report): readonly string[] =>
  proof.filter(({ proven }) => !proven).map(({ item }) => item);
const tooEarly = 'Access tokens from before the revocation';

/** Key Vault's times have whole seconds. What is stored in the second of the record counts as from before. */
const nextSecond = (): void => operator.cloud.clock.advance(1_100);

const itemsOf = ({ proof }: Report): readonly string[] => proof.map(({ item }) => item);

describe('ptb revoke, by what was done before it', () => {
  const given: readonly (readonly [string, string, (application: string) => Promise<void>])[] = [
    [
      'all versions were disabled by hand',
      'disabled',
      async (application) => {
        for (const part of ['client-credential', 'refresh-token'] as const) {
          const name = secretName(application, part);
          for await (const { version = '' } of operator.secrets.listPropertiesOfSecretVersions(name)) {
            await operator.secrets.updateSecretProperties(name, version, { enabled: false });
          }
        }
      },
    ],
    ['the client credential was deleted', 'no-client', (application) => softDelete(application, 'client-credential')],
    ['the refresh token was deleted', 'no-token', (application) => softDelete(application, 'refresh-token')],
    [
      'both secrets were deleted',
      'none',
      async (application) => {
        await softDelete(application, 'client-credential');
        await softDelete(application, 'refresh-token');
      },
    ],
  ];
  it.each(given)('leaves nothing that redeems, and proves it, when %s', async (_what, application, before) => {
    const leaked = await leakedCredential(application);
    await before(application);
    const { exitCode, report } = await revoke(application, '--yes');
    expect([exitCode, report.proven]).toEqual([0, true]);
    expect(await refusalOfSecret(leaked)).toBe(7000215);
    expect(await refusalOfRefreshToken(leaked)).toBe(50173);
    expect(report.proof.length).toBeGreaterThan(1);
    expect(report.proof.every(({ proven }) => proven)).toBe(true);
    expect(itemsOf(report)).toEqual(
      expect.arrayContaining([
        `Keys of the application ${leaked.client.clientId}`,
        `Refresh tokens of ${leaked.refreshToken?.account}`,
      ]),
    );
  });

  it('exits with 2 for an application that the vault does not know, and names those that it knows', async () => {
    const leaked = await leakedCredential('typed');
    const { exitCode, stdout, stderr } = await revoke('tpyed', '--yes');
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/"tpyed".*\btyped\b/);
    expect(await refusalOfSecret(leaked)).toBeUndefined();
  });

  it('exits with 1 and shows that the secret works when Graph answers 404 for the application', async () => {
    const leaked = await leakedCredential('missing');
    operator.cloud.faults.add({ service: 'graph', path: `appId='${leaked.client.clientId}'`, status: 404, body: '{}' });
    const { exitCode, report } = await revoke('missing', '--yes');
    expect([exitCode, report.proven]).toEqual([1, false]);
    expect(report.results).toContainEqual(
      expect.objectContaining({ done: false, detail: expect.stringContaining(leaked.client.clientId) as string }),
    );
    expect(report.proof).toContainEqual(
      expect.objectContaining({ item: `Client secret ${leaked.client.keyId}`, proven: false }),
    );
  });

  it('exits with 1 and names the secret that is left when Graph answers 400 for its removal', async () => {
    const leaked = await leakedCredential('kept');
    operator.cloud.faults.add({ service: 'graph', path: '/removePassword$', status: 400, body: '{}' });
    const { exitCode, report, stderr } = await revoke('kept', '--yes');
    expect([exitCode, report.proven]).toEqual([1, false]);
    expect(report.proof).toContainEqual(
      expect.objectContaining({
        item: `Keys of the application ${leaked.client.clientId}`,
        proven: false,
        detail: expect.stringContaining(leaked.client.keyId!) as string,
      }),
    );
    expect(stderr).not.toMatch(new RegExp(`done +Remove the client secret ${leaked.client.keyId}`));
    operator.cloud.faults.clear();
    // The next run continues without options, although every version in the vault is disabled.
    expect(await revoke('kept', '--yes')).toMatchObject({ exitCode: 0, report: { proven: true } });
    expect(await refusalOfSecret(leaked)).toBe(7000215);
  });
});

describe('ptb revoke, with what only Entra can tell', () => {
  it('exits with 2 and changes nothing in the tenant of another company', async () => {
    const names = { application: 'elsewhere', displayName: 'elsewhere' };
    // There, Graph answers 404 and Entra AADSTS700016, as for an application that was deleted.
    const tenantId = operator.cloud.document.tenants[0]!.tenantId;
    operator.cloud.faults.add({ service: 'entra', tenantId, grant: 'client_credentials', aadsts: 700016 });
    await runSetup(await operator.setupDeps(), operator.setupOptions(names));
    const { client } = await operator.store.load('elsewhere');
    for (const mode of ['--yes', '--dry-run', '--verify']) {
      const { exitCode, stdout, stderr } = await revoke('elsewhere', mode, '--partner-tenant', tenantId);
      expect([exitCode, stdout]).toEqual([2, '']);
      expect(stderr).toContain(`belongs to the tenant ${operator.partnerTenantId}`);
      expect(stderr).toContain(`Give --partner-tenant ${operator.partnerTenantId}`);
    }
    expect(await isAnyEnabled('elsewhere')).toBe(true);
    expect(await refusalOfSecret({ application: 'elsewhere', client, refreshToken: undefined })).toBeUndefined();
  });

  it('revokes the sessions of the account of a refresh token that no tag names', async () => {
    await leakedCredential('untagged');
    const admin = account(operator.cloud, 'admin');
    await operator.consent(browser(operator.cloud, 'admin'), { application: 'untagged', account: admin });
    const leaked = await operator.store.load('untagged');
    const name = secretName('untagged', 'refresh-token');
    for await (const { version = '', tags } of operator.secrets.listPropertiesOfSecretVersions(name)) {
      if (tags?.['account'] === admin) await operator.secrets.updateSecretProperties(name, version, { tags: {} });
    }
    const { exitCode, report } = await revoke('untagged', '--yes');
    expect([exitCode, report.proven]).toEqual([0, true]);
    expect(itemsOf(report)).toContain(`Refresh tokens of ${admin}`);
    expect(await refusalOfRefreshToken(leaked)).toBe(50173);
  });
});

describe('ptb revoke --verify', () => {
  it('has no objection to an application without accounts', async () => {
    await operator.setUp({ application: 'bare', displayName: 'bare' });
    const refused = await revoke('bare', '--yes');
    expect([refused.exitCode, refused.report.results.find(({ done }) => !done)?.detail]).toEqual([
      1,
      expect.stringMatching(/--account.*--no-account/),
    ]);
    expect(await revoke('bare', '--yes', '--no-account')).toMatchObject({ exitCode: 0 });
    expect(openItems((await revoke('bare', '--verify')).report)).toEqual([tooEarly]);
  });

  it('has no objection after setup and consent recovered the deleted secrets', async () => {
    const names = { application: 'recovered', displayName: 'recovered' };
    await leakedCredential('recovered');
    await softDelete('recovered', 'client-credential');
    await softDelete('recovered', 'refresh-token');
    expect(await revoke('recovered', '--yes')).toMatchObject({ exitCode: 0 });
    nextSecond();
    await operator.setUp(names);
    await operator.consent(browser(operator.cloud), { application: 'recovered' });
    expect(openItems((await revoke('recovered', '--verify')).report)).toEqual([tooEarly]);
  });

  it('fails if nothing was revoked', async () => {
    await leakedCredential('live');
    const { exitCode, report } = await revoke('live', '--verify');
    expect([exitCode, openItems(report)]).toMatchObject([1, expect.arrayContaining([tooEarly])]);
    expect(report.proof[0]?.detail).toMatch(/no record of a revocation/);
  });
});

describe('an access token from before the revocation', () => {
  let leaked: Credential;
  let token: string;
  beforeAll(async () => {
    leaked = await leakedCredential('outlived');
    const reply = await redeemAsApplication({ ...operator, graphIdentifier: operator.canaryResource }, leaked.client);
    token = reply.ok ? reply.token.accessToken.reveal() : '';
    await revoke('outlived', '--yes');
  });

  it('cannot add a key to the application', async () => {
    const adding = issueClientSecret(
      operator.graphOf(token).writer,
      operator.clock,
      applicationPath(leaked.client.clientId),
    );
    await expect(adding).rejects.toMatchObject({ code: 'access_denied' });
  });

  it('is the only thing that ptb revoke --verify finds before it has expired', async () => {
    const { exitCode, report } = await revoke('outlived', '--verify');
    expect([exitCode, openItems(report)]).toEqual([1, [tooEarly]]);
    // The vault's answer said what time it is.
    expect(report.proof[0]?.detail).toMatch(/^One may work until/);
  });

  it('is reported by --verify and by setup if it did add a key, also after the renewal', async () => {
    const { writer } = await graph();
    const path = applicationPath(leaked.client.clientId);
    const { keyId } = await issueClientSecret(writer, operator.clock, path, { displayName: 'backdoor' });
    nextSecond();
    const { notes, steps } = await operator.setUp({ application: 'outlived', displayName: 'outlived' });
    expect(steps).toContainEqual(expect.stringContaining('Make the application its own owner'));
    expect(notes).toContainEqual(expect.stringContaining(`client secret ${keyId} ("backdoor")`));
    await operator.consent(browser(operator.cloud), { application: 'outlived' });
    const found = await revoke('outlived', '--verify');
    expect([found.exitCode, openItems(found.report)]).toEqual([
      1,
      [tooEarly, `Keys of the application ${leaked.client.clientId}`],
    ]);
    await writer.post(`${path}/removePassword`, { keyId });
    expect(openItems((await revoke('outlived', '--verify')).report)).toEqual([tooEarly]);
  });
});

it('refuses --verify together with an option that changes something', async () => {
  const { exitCode, stderr } = await revoke('default', '--verify', '--yes');
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/--verify changes nothing/);
});
