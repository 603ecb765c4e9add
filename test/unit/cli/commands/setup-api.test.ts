import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { registerSetup } from '../../../../src/cli/commands/setup.ts';
import { callerRoles } from '../../../../src/lib/core/caller.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { FakeRedeemer } from '../../../fakes/fake-redeemer.ts';
import { MemoryCredentialStore } from '../../../fakes/memory-credential-store.ts';
import { type Scripted, scriptedFetch, type SeenRequest } from '../../../fakes/scripted-fetch.ts';
import { clearStage, operatorId, partner, runOnVault, type VaultTools } from './vault-stage.ts';

type Item = Record<string, unknown>;

const graphApp = '00000003-0000-0000-c000-000000000000';
const other = '66666666-6666-4666-8666-666666666666';
let lists: Map<string, Item[]>;
let written: { readonly what: string; readonly body: Item }[];
beforeEach(() => {
  lists = new Map([['/servicePrincipals', [{ id: 'graph', appId: graphApp }]]]);
  written = [];
});
afterEach(clearStage);

/** A directory in which what is created can be found by the value that a filter names. */
function answer({ method, url, body }: SeenRequest): Scripted {
  const path = url.pathname.replace('/v1.0', '');
  if (method === 'GET') {
    const wanted = /'(.*)'/.exec(url.searchParams.get('$filter') ?? '')?.[1];
    const isWanted = (item: Item) => wanted === undefined || Object.values(item).flat().includes(wanted);
    return { value: (lists.get(path) ?? []).filter(isWanted) };
  }
  const sent = JSON.parse(body ?? '{}') as Item;
  written.push({ what: `${method} ${path}`, body: sent });
  if (method === 'PATCH') {
    const [, list = '', id] = path.split('/');
    Object.assign(lists.get(`/${list}`)?.find((item) => item['id'] === id) ?? {}, sent);
    return new Response(null, { status: 204 });
  }
  const number = written.length;
  const created: Item = {
    id: `id-${number}`,
    ...(path === '/applications' ? { appId: `app-${number}` } : {}),
    ...sent,
  };
  lists.set(path, [...(lists.get(path) ?? []), created]);
  return created;
}

const setupApi = (words: readonly string[], more: Partial<VaultTools> = {}) => {
  const clock = new FakeClock();
  const tools = { store: new MemoryCredentialStore(), redeemer: new FakeRedeemer(clock), clock };
  const { fetch } = scriptedFetch(answer);
  return runOnVault(registerSetup, ['setup', 'api', '--device-code', ...words], { ...tools, fetch, ...more });
};
const assigned = () => written.filter(({ body }) => 'appRoleId' in body).map(({ body }) => body);
const created = () =>
  written.filter(({ what }) => what === 'POST /applications').map(({ body }) => String(body['displayName']));

describe('ptb setup api --dry-run', () => {
  it('signs an administrator in, shows the plan and changes nothing', async () => {
    const { exit, out, signIns } = await setupApi(['--dry-run']);
    expect([exit, written]).toEqual([0, []]);
    expect(out).toMatch(/^Steps:\n {2}1\. Create the application [^]*\n {2}6\. Assign to /);
    expect(signIns.map(({ tenant, scopes }) => [tenant, scopes.slice(2)])).toEqual([
      [
        partner,
        ['Application.ReadWrite.All', 'AppRoleAssignment.ReadWrite.All', 'DelegatedPermissionGrant.ReadWrite.All'].map(
          (scope) => `https://graph.microsoft.com/${scope}`,
        ),
      ],
    ]);
  });

  it('prints the plan as one JSON document', async () => {
    const { out } = await setupApi(['--dry-run', '--json']);
    expect(JSON.parse(out)).toMatchObject({ dryRun: true, steps: { length: 6 } });
  });
});

describe('ptb setup api --yes', () => {
  it('creates the applications, gives every role to the person who signed in, and says what to set', async () => {
    const { exit, out } = await setupApi(['--yes']);
    expect(exit).toBe(0);
    expect(created()).toContain('Partner Token Broker API (partner-token-broker)');
    expect(assigned()).toHaveLength(callerRoles.length);
    expect(new Set(assigned().map(({ principalId }) => principalId))).toEqual(new Set([operatorId]));
    const clientId = /^Client id: (app-\d+)$/m.exec(out)?.[1];
    expect(out).toContain("The broker's own application is set up. Changes: 6.\n");
    expect(out).toContain(`Audiences: ${clientId},api://${partner}/partner-token-broker\n`);
    expect(out).toMatch(/^Sign-in client: app-\d+$/m);
  });

  it('changes nothing in a second run, and says so', async () => {
    await setupApi(['--yes']);
    written = [];
    const { out } = await setupApi(['--yes']);
    expect(written).toEqual([]);
    expect(out).toContain("Nothing was changed: the broker's own application was set up already.\n");
    expect((await setupApi(['--dry-run'])).out).toBe('There is nothing to change: the application is set up.\n');
    expect(JSON.parse((await setupApi(['--yes', '--json'])).out)).toMatchObject({ changed: false, steps: [] });
  });

  it('prints one JSON document', async () => {
    const { out } = await setupApi(['--yes', '--json']);
    expect(JSON.parse(out)).toMatchObject({ changed: true, clientId: expect.stringMatching(/^app-/) as string });
  });

  it('takes names, the role and who gets it from the options', async () => {
    const words = ['--name', 'broker-prod', '--display-name', 'Ours', '--principal', other, '--role', 'Tokens.Request'];
    const { out } = await setupApi(['--yes', ...words]);
    expect(created()).toContain('Ours');
    expect(out).toContain(`api://${partner}/broker-prod\n`);
    expect(assigned().map(({ principalId }) => principalId)).toEqual([other]);
  });

  it('assigns nothing with --no-roles', async () => {
    await setupApi(['--yes', '--no-roles']);
    expect([created().length, assigned()]).toEqual([2, []]);
  });

  it('lets people sign in to the dashboard at --url, and with a device code if that is allowed', async () => {
    await setupApi(['--yes', '--url', 'https://broker.example/some/page', '--allow-device-code']);
    const signIn = written.find(({ body }) => 'publicClient' in body)?.body;
    expect(signIn).toMatchObject({
      spa: { redirectUris: ['https://broker.example/api/dashboard'] },
      isFallbackPublicClient: true,
    });
  });

  it('takes plain HTTP only for an address of this machine', async () => {
    for (const address of ['http://localhost:7071', 'http://127.0.0.1:7071'])
      expect((await setupApi(['--dry-run', '--url', address])).exit).toBe(0);
    for (const address of ['http://broker.example', 'broker.example', 'ftp://localhost']) {
      const { exit, err, signIns } = await setupApi(['--dry-run', '--url', address]);
      expect([exit, signIns]).toEqual([2, []]);
      expect(err).toContain('It must be an address such as https://');
    }
  });
});

describe('ptb setup api without --yes', () => {
  it('refuses without a terminal, before anybody signs in', async () => {
    const { exit, err, signIns } = await setupApi([]);
    expect([exit, signIns, written]).toEqual([2, [], []]);
    expect(err).toMatch(/^ptb: There is no terminal to ask for confirmation\./);
  });

  it('shows the plan, and changes nothing unless the person agrees', async () => {
    const { exit, out, err } = await setupApi([], { answer: 'n' });
    expect([exit, out, written]).toEqual([1, '', []]);
    expect(err).toMatch(/Steps:\n {2}1\. [^]*Go ahead\?[^]*Nothing was changed\.\n$/);
    expect((await setupApi([], { answer: 'y' })).exit).toBe(0);
    expect(created()).toHaveLength(2);
  });
});
