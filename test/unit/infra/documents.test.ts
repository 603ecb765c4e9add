import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { callerRoles } from '../../../src/lib/core/caller.ts';
import { decide } from '../../../src/lib/access/policy/decide.ts';
import { parsePolicy } from '../../../src/lib/access/policy/parse-policy.ts';
import { settingsSchema } from '../../../src/lib/config/settings.ts';
import { keyVaultFailure } from '../../../src/lib/tokens/credential/key-vault-secrets.ts';
import { adviceFor } from '../../../src/lib/core/errors.ts';
import { signInClients } from '../../../src/operator/setup/api-application.ts';
import { parseDomainName } from '../../../src/lib/core/identifiers.ts';
import { projectRoot } from '../../paths.ts';

const read = (path: string): string => readFileSync(join(projectRoot, path), 'utf8');
const parameters = [...read('infra/main.bicep').matchAll(/^param (\w+) /gm)].map(([, name]) => name ?? '');
const outputs = [...read('infra/main.bicep').matchAll(/^output (\w+) /gm)].map(([, name]) => name ?? '');
const deploy = read('docs/deploy.md');
const passedByAzd = [...read('infra/main.parameters.json').matchAll(/\$\{(\w+)/g)].map(([, name]) => name ?? '');
const azureCli = signInClients['Azure CLI and azd'];
const azurePowerShell = signInClients['Azure PowerShell'];
const steps = (deploy.split('\n## Steps, with azd\n')[1]?.split('\n## ')[0] ?? '').split(/^(?=\d+\. )/m).slice(1);
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
    expect(fragments.length).toBeGreaterThan(0);
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

  it('leads to the first token in seven steps, each with its commands and what they print', () => {
    expect(steps.map((step) => step.slice(0, 3))).toEqual(['1. ', '2. ', '3. ', '4. ', '5. ', '6. ', '7. ']);
    for (const step of steps) expect(step).toMatch(/```(?:sh|json)\n[^`]+```\s+\S/);
    expect(steps.at(-1)).toContain('ptb token');
    expect(read('README.md')).toContain('[Set-up](docs/deploy.md) takes seven steps');
    expect(deploy).toContain('Seven steps to the first token for a customer.');
  });

  it('asks for five values, none of which an earlier step printed', () => {
    const commands = steps
      .flatMap((step) => [...step.matchAll(/```(?:sh|json)\n([^`]+)```/g)].map(([, text]) => text))
      .join('');
    expect(deploy).toContain(
      'You type five values of your own: subscription, region, a mail address for alerts, the service account, and a customer',
    );
    const typed = commands.match(
      /operators@example\.com|broker@partner\.example|contoso\.com|subscription|westeurope/g,
    );
    expect([...new Set(typed)]).toEqual(['contoso.com', 'operators@example.com', 'broker@partner.example']);
    expect(commands).not.toMatch(/…|CLIENT_ID|AUDIENCES|[A-Z]+_ID\b/);
  });

  it('shows an access policy that allows a token of the Azure CLI', () => {
    const parsed = parsePolicy(/```json\n(.*?)```/s.exec(steps[1] ?? '')?.[1] ?? '');
    if (!parsed.ok) throw new Error(parsed.problems.join('; '));
    const caller = { applicationId: azureCli, roles: ['Tokens.Request'] } as const;
    const domains = [parseDomainName('contoso.com')].filter((domain) => domain !== undefined);
    const request = { tenantId: undefined, domains, resource: 'graph', scopes: [], grant: 'delegated' } as const;
    expect(decide(parsed.policy, caller, request)).toMatchObject({ allow: true });
  });

  it('builds the command line and puts it on the PATH before each first `ptb`', () => {
    const [withAzd = '', withoutAzd = ''] = deploy.split('\nWithout azd, first');
    expect(withoutAzd).toContain('put it on the PATH as in step 3');
    const toPath = 'export PATH="$PWD/node_modules/.bin:$PATH"';
    // The hook of azd builds it.
    for (const [part, build, path] of [
      [withAzd, 'azd up', toPath],
      [withoutAzd, 'npm ci && npm run build\n', undefined],
    ] as const) {
      const places = [
        part.indexOf(build),
        ...(path === undefined ? [] : [part.indexOf(path)]),
        part.search(/^ *ptb /m),
      ];
      expect(places).not.toContain(-1);
      expect(places).toEqual(places.toSorted((a, b) => a - b));
    }
    expect(read('azure.yaml')).toContain('npm ci && npm run build && node tools/preprovision.ts');
    expect(deploy).toContain('npm ci && npm run package\n');
  });

  it('names the clients that people sign in with, and every app role', () => {
    expect([azureCli, azurePowerShell, ...callerRoles].filter((name) => !deploy.includes(`\`${name}\``))).toEqual([]);
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

describe('SECURITY.md', () => {
  it('names every anonymous route', async () => {
    const { apiRoutes } = await import('../../../src/cli/verify/routes.ts');
    const open = apiRoutes
      .filter(({ access }) => access === 'anonymous')
      .map(({ path }) => path.replace(/verify.*/, ''));
    expect(open.filter((path) => !read('SECURITY.md').includes(`\`${path}`))).toEqual([]);
  });
});
