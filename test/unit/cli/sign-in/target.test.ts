import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it, vi } from 'vitest';
import { nextStep } from '../../../../src/cli/command-failure.ts';
import { parseTarget, readLocalSettings } from '../../../../src/cli/sign-in/target.ts';
import { loadProfile } from '../../../../src/cli/sign-in/load-profile.ts';
import { settingsChecks } from '../../../../src/cli/sign-in/settings-check.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import type { GraphClient } from '../../../../src/lib/microsoft/graph.ts';

const folder = mkdtempSync(join(tmpdir(), 'ptb-environment-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

const vault = { KEY_VAULT_URL: 'https://vault.example' };

it('names the option for a missing setting', () => {
  const detail = 'PARTNER_TENANT_ID (--partner-tenant): is missing.';
  expect(() => parseTarget({}, vault, {})).toThrow(expect.objectContaining({ code: 'config_invalid', detail }));
});

it('names the option and the problem of a wrong vault address', () => {
  expect(() => parseTarget({ vault: 'nonsense' }, {}, {})).toThrow(
    /is missing; KEY_VAULT_URL \(--vault\): (?!is missing)/,
  );
});

const unused = new Proxy({} as GraphClient, { get: () => () => expect.unreachable('Graph was asked.') });

it.each([
  ['local settings', (file: string) => readLocalSettings(file)],
  ['a profile', (file: string) => loadProfile(file, unused)],
])('tells the operator to correct a file with %s', async (_what, read) => {
  const file = join(folder, 'file.json');
  writeFileSync(file, 'nonsense');
  const failure: unknown = await read(file).catch((thrown: unknown) => thrown);
  expect(failure).toMatchObject({ code: 'config_invalid', detail: expect.stringContaining(file) as string });
  expect(nextStep(failure as BrokerError)).toBe('Correct the file.');
});

it('rethrows an error of Graph from the lookup of a profile', async () => {
  const file = join(folder, 'profile.json');
  const resource = { appId: '00000003-0000-0000-c000-000000000000', scopes: ['User.Read'] };
  writeFileSync(file, JSON.stringify({ name: 'own', resources: [resource] }));
  const refused = new BrokerError('access_denied', 'No.');
  const graph: Pick<GraphClient, 'list'> = {
    list: () => {
      throw refused;
    },
  };
  await expect(loadProfile(file, graph as GraphClient)).rejects.toBe(refused);
});

it('doctor advises to put a missing setting into the environment', async () => {
  vi.stubEnv('KEY_VAULT_URL', 'nonsense');
  for await (const { status, remedy } of settingsChecks({})) {
    expect([status, remedy]).toEqual(['failed', expect.stringContaining('`azd env get-values`')]);
  }
  expect.assertions(1);
});
