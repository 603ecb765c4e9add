import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { callerRoles } from '../../../src/lib/model/caller.ts';
import { decide } from '../../../src/lib/callers/decide.ts';
import { parsePolicy } from '../../../src/lib/callers/parse-policy.ts';
import { settingsSchema } from '../../../src/lib/config/settings.ts';
import { keyVaultFailure } from '../../../src/lib/credential/key-vault-failure.ts';
import { adviceFor } from '../../../src/lib/model/advice.ts';
import { parseDomainName } from '../../../src/lib/model/identifiers.ts';
import { projectRoot } from '../../paths.ts';

const read = (path: string): string => readFileSync(join(projectRoot, path), 'utf8');
const parameters = [...read('infra/main.bicep').matchAll(/^param (\w+) /gm)].map(([, name]) => name ?? '');
const outputs = [...read('infra/main.bicep').matchAll(/^output (\w+) /gm)].map(([, name]) => name ?? '');
const deploy = read('docs/deploy.md');
const passedByAzd = [...read('infra/main.parameters.json').matchAll(/\$\{(\w+)/g)].map(([, name]) => name ?? '');
const application = read('infra/optional/entra-application.bicep');
const azureCli = '04b07795-8ddb-461a-bbee-02f9e1bf7b46';
const azurePowerShell = '1950a258-227b-4e31-a9cf-717495945fc2';
/** The examples: JSON documents or fragments of one. */
const json = [...deploy.matchAll(/^```json\n(.*?)^```$/gms)].map(([, text]) => text ?? '');

describe('docs/deploy.md', () => {
  it('names every parameter of the template', () => {
    expect(parameters.length).toBeGreaterThan(15);
    expect(parameters.filter((name) => !deploy.includes(`\`${name}\``))).toEqual([]);
  });

  it('names the variables that azd passes on', () => {
    const own = passedByAzd.filter((name) => !name.startsWith('AZURE_'));
    expect(own.filter((name) => !deploy.includes(`\`${name}\``))).toEqual([]);
  });

  it('names only outputs that exist', () => {
    const sentence = /The outputs carry the names of the settings,.*$/m.exec(deploy)?.[0] ?? '';
    const promised = [...sentence.matchAll(/`([A-Z_]+)`/g)].map(([, name]) => name ?? '');
    expect(promised.length).toBeGreaterThan(3);
    expect(promised.filter((name) => !outputs.includes(name))).toEqual([]);
  });

  it('sets only azd variables that azd passes on', () => {
    const set = [...deploy.matchAll(/azd env set (\w+)/g)].map(([, name]) => name ?? '');
    expect(set.length).toBeGreaterThan(2);
    expect(set.filter((name) => !passedByAzd.includes(name))).toEqual([]);
  });

  it('uses existing parameters, settings and outputs in its examples', () => {
    const fragments = json.filter((text) => !text.startsWith('{'));
    expect(fragments.length).toBeGreaterThan(1);
    for (const fragment of fragments) {
      const { additionalSettings, ...others } = JSON.parse(`{${fragment}}`) as Record<string, { value: object }>;
      expect(parameters).toEqual(expect.arrayContaining(Object.keys(others)));
      expect(settingsSchema.shape).toMatchObject(
        Object.fromEntries(Object.keys(additionalSettings?.value ?? {}).map((name) => [name, expect.anything()])),
      );
      const variables = [...fragment.matchAll(/\$\{(\w+)=/g)].map(([, name]) => name ?? '');
      expect(outputs).toEqual(expect.arrayContaining(variables));
    }
  });

  it('shows an access policy that allows a token of the Azure CLI', () => {
    const [parsed] = json.filter((text) => text.startsWith('{')).map((text) => parsePolicy(text));
    if (parsed?.ok !== true) throw new Error('there is no valid policy');
    const caller = { applicationId: azureCli, roles: ['Tokens.Request'] } as const;
    const domains = [parseDomainName('contoso.com')].filter((domain) => domain !== undefined);
    const request = { tenantId: undefined, domains, resource: 'graph', scopes: [], grant: 'delegated' } as const;
    expect(decide(parsed.policy, caller, request)).toMatchObject({ allow: true });
  });

  it('installs and builds before the first `npx ptb`', () => {
    const [, ...later] = deploy.split('npm ci && npm run build ');
    expect(later).toHaveLength(1);
    expect(later[0]?.match(/^npx ptb/gm)).toEqual(deploy.match(/^npx ptb/gm));
    expect(deploy).toContain('npm ci && npm run package\n');
  });
});

describe('the role on the vault', () => {
  const role = /roleName: '([^('$]+) \(/.exec(read('infra/app/roles.bicep'))?.[1] ?? 'no role';

  it.each([
    ['the advice', adviceFor('key_vault_unavailable', 'operator')],
    ['the detail', keyVaultFailure({ statusCode: 403 }, false).detail ?? ''],
    ['docs/credential.md', /^Who needs what on the vault.*$/m.exec(read('docs/credential.md'))?.[0] ?? ''],
  ])('has the name from the template, or is Key Vault Secrets Officer, in %s', (_where, text) => {
    expect(text).toContain(role);
    expect(text).toContain('or Key Vault Secrets Officer');
  });
});

describe('infra/optional/entra-application.bicep', () => {
  it('defines the app roles that the API requires', () => {
    const roles = [...application.matchAll(/\{ value: '([\w.]+)'/g)];
    expect(roles.map(([, role]) => role)).toEqual(callerRoles);
  });

  it('outputs the audiences under the name of their setting', () => {
    expect(application).toMatch(/^output BROKER_AUDIENCES string/m);
    expect(settingsSchema.shape).toHaveProperty('BROKER_AUDIENCES');
  });

  it('lets people sign in with Azure CLI and Azure PowerShell without consent', () => {
    const clients = /^param signInClients string\[\] = \[(.*)\]$/m.exec(application)?.[1] ?? '';
    expect(clients.match(/[\da-f-]{36}/g)).toEqual([azureCli, azurePowerShell]);
    expect(application).toMatch(
      /for client in signInClients: \{ appId: client, delegatedPermissionIds: \[scopeId\] \}/,
    );
    expect(application).toMatch(/oauth2PermissionScopes: \[\s+\{\s+id: scopeId\s/);
    expect([azureCli, azurePowerShell].filter((id) => !deploy.includes(id))).toEqual([]);
  });
});

describe('SECURITY.md', () => {
  it('names every anonymous route', async () => {
    const { apiRoutes } = await import('../../../src/cli/verify/routes.ts');
    const open = apiRoutes
      .filter(({ access }) => access === 'anonymous')
      .map(({ path }) => path.replace(/verify.*/, ''));
    expect(open.filter((path) => !read('SECURITY.md').includes(`\`${path}`))).toEqual([]);
  });
});
