import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import type { RunningCloud } from 'microsoft-cloud';
import { adminToken } from 'microsoft-cloud/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import project from '../../package.json' with { type: 'json' };
import { stateFolder } from '../../src/cli/customer-consent/journal-files.ts';
import { fullCaller } from '../../src/cli/demo/caller-token.ts';
import { createSignInFiles } from '../../src/cli/login/sign-in-files.ts';
import { parseTenantId } from '../../src/lib/core/identifiers.ts';
import { projectRoot, ptbScript } from '../paths.ts';
import { tenantOf } from '../support/running-demo.ts';
import { findPowerShell } from './powershell/powershell.ts';
import { skippedBecause } from '../support/skipped.ts';
import { startWatchedDemo, type WatchedDemo } from '../support/watched-demo.ts';

/*
 * The actions as a runner of GitHub Actions carries them out: inputs become variables, and the shell runs the script. The
 * job's token is one of the simulated cloud, which an application trusts by a federated credential. `npm` is a stand-in that
 * installs the built `ptb`.
 */

interface Action {
  readonly inputs: Readonly<Record<string, { readonly required?: boolean; readonly default?: string }>>;
  readonly outputs?: Readonly<Record<string, { readonly value: string }>>;
  readonly runs: {
    readonly using: string;
    readonly steps: readonly {
      readonly id?: string;
      readonly shell: string;
      readonly env: Readonly<Record<string, string>>;
      readonly run: string;
    }[];
  };
}

interface Outcome {
  readonly code: number;
  readonly log: string;
  readonly outputs: Readonly<Record<string, string>>;
}

const requestToken = 'token-of-the-runner';
const issuer = createServer((request, response) => {
  const asked = new URL(request.url ?? '', 'http://127.0.0.1');
  const isAllowed =
    request.headers.authorization === `Bearer ${requestToken}` &&
    asked.searchParams.get('audience') === 'api://AzureADTokenExchange' &&
    asked.searchParams.get('api-version') === '2.0';
  response.writeHead(isAllowed ? 200 : 401, { 'content-type': 'application/json' });
  response.end(JSON.stringify(isAllowed ? { value: jobToken } : { message: 'no' }));
});

let demo: WatchedDemo;
let folder: string;
let jobToken = '';
let identity: Readonly<Record<string, string>>;
let issuerUrl = '';

/** A token of the simulated managed identity. */
async function exchangeToken(): Promise<string> {
  const { endpoint, header, clientId } = demo.cloud.managedIdentity;
  const query = new URLSearchParams({
    'api-version': '2019-08-01',
    resource: 'api://AzureADTokenExchange',
    client_id: clientId,
  });
  const answer = await fetch(`${endpoint}?${query}`, { headers: { 'x-identity-header': header } });
  return ((await answer.json()) as { access_token: string }).access_token;
}

/** Lets the application of a caller trust the job. */
async function trustJob(appId: string): Promise<void> {
  const authorization = `Bearer ${await adminToken({ document: demo.cloud } as RunningCloud)}`;
  const found = await fetch(`${demo.cloud.graph}/v1.0/applications?$filter=appId eq '${appId}'`, {
    headers: { authorization },
  });
  const [application] = ((await found.json()) as { value: { id: string }[] }).value;
  const [, claims = ''] = jobToken.split('.');
  const { iss, sub, aud } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, string>;
  const created = await fetch(`${demo.cloud.graph}/v1.0/applications/${application?.id}/federatedIdentityCredentials`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'job', issuer: iss, subject: sub, audiences: [aud] }),
  });
  expect(created.status).toBe(201);
}

const powerShell = findPowerShell();
const isWindows = process.platform === 'win32';

beforeAll(async () => {
  if (isWindows) return;
  folder = await mkdtemp(join(tmpdir(), 'ptb-actions-'));
  demo = await startWatchedDemo({ tenants: 25 });
  jobToken = await exchangeToken();
  const { clientId } = fullCaller(demo.cloud);
  await trustJob(clientId);
  issuer.listen(0, '127.0.0.1');
  await once(issuer, 'listening');
  issuerUrl = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/token?api-version=2.0`;
  identity = {
    'broker-url': demo.url,
    'broker-client-id': demo.cloud.brokerApplication.clientId,
    'client-id': clientId,
    'tenant-id': demo.cloud.partnerTenantId,
  };
  const tools = join(folder, 'tools');
  await mkdir(tools);
  const npm = `#!/bin/sh
[ "$*" = "install --prefix . --loglevel=error --no-audit --no-fund --ignore-scripts partner-token-broker@${project.version}" ] ||
  { echo "unexpected: npm $*" >&2; exit 9; }
[ ! -e .npmrc ] || { echo 'npm obeys .npmrc' >&2; exit 9; }
mkdir -p node_modules/.bin
printf '#!/bin/sh\\nexec "%s" "%s" "$@"\\n' '${process.execPath}' '${ptbScript}' > node_modules/.bin/ptb
chmod +x node_modules/.bin/ptb
echo 'added 1 package'
`;
  await writeFile(join(tools, 'npm'), npm);
  await chmod(join(tools, 'npm'), 0o755);
});
afterAll(async () => {
  issuer.close();
  issuer.closeAllConnections();
  await demo?.stop();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

/** Carries an action out. @param variables replace those of the runner. */
async function uses(
  name: string,
  given: Readonly<Record<string, string>>,
  variables: Readonly<Record<string, string | undefined>> = {},
): Promise<Outcome> {
  const actionPath = join(projectRoot, 'actions', name);
  const { inputs, outputs = {}, runs } = parse(await readFile(join(actionPath, 'action.yml'), 'utf8')) as Action;
  expect(runs.using).toBe('composite');
  for (const input of Object.keys(given)) expect(inputs).toHaveProperty(input);
  const missing = Object.entries(inputs).filter(([input, { required }]) => required && given[input] === undefined);
  expect(missing).toEqual([]);
  const valueOf = (expression: string): string => {
    const [, input = ''] = /^\$\{\{ inputs\.([\w-]+) \}\}$/.exec(expression) ?? [];
    expect(inputs).toHaveProperty(input);
    return given[input] ?? inputs[input]?.default ?? '';
  };
  const work = await mkdtemp(join(folder, 'job-'));
  const workspace = join(work, 'workspace');
  await mkdir(join(workspace, 'node_modules', project.name), { recursive: true });
  // What is checked out must not decide which program runs.
  await writeFile(join(workspace, '.npmrc'), 'registry=http://127.0.0.1:9/\n');
  const outputFile = join(work, 'output');
  await writeFile(outputFile, '');
  const results: Record<string, string> = {};
  let log = '';
  for (const step of runs.steps) {
    expect(step.shell).toBe('bash');
    const script = join(work, 'step.sh');
    await writeFile(script, step.run);
    const environment = {
      PATH: [join(folder, 'tools'), process.env['PATH']].join(delimiter),
      HOME: work,
      CI: 'true',
      GITHUB_ACTIONS: 'true',
      GITHUB_ACTION_PATH: actionPath,
      GITHUB_OUTPUT: outputFile,
      RUNNER_TEMP: work,
      ACTIONS_ID_TOKEN_REQUEST_URL: issuerUrl,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: requestToken,
      AZURE_AUTHORITY_HOST: demo.cloud.entra,
      NODE_EXTRA_CA_CERTS: demo.cloud.caCertificatePath,
      ...Object.fromEntries(Object.entries(step.env).map(([variable, value]) => [variable, valueOf(value)])),
      ...variables,
    };
    const { code, said } = await new Promise<{ code: number; said: string }>((resolve) => {
      const options = { cwd: workspace, env: environment };
      // In the order in which it is written.
      const command = 'exec bash --noprofile --norc -eo pipefail "$0" 2>&1';
      execFile('bash', ['-c', command, script], options, (error, stdout) =>
        resolve({ code: error === null ? 0 : Number(error.code), said: stdout }),
      );
    });
    log += said;
    const written = await readFile(outputFile, 'utf8');
    for (const [, output = '', value = ''] of written.matchAll(/^(\w+)=(.*)$/gm))
      results[`\${{ steps.${step.id}.outputs.${output} }}`] = value;
    if (code !== 0) return { code, log, outputs: {} };
  }
  const named = Object.entries(outputs).map(([output, { value }]) => [output, results[value] ?? ''] as const);
  return { code: 0, log, outputs: Object.fromEntries(named) };
}

describe(
  'the actions',
  skippedBecause(isWindows ? 'the scripts of the actions need a shell of Linux or macOS' : undefined),
  () => {
    it('token: gives a token of the tenant, which the log masks before it could show it', async () => {
      const { tenantId, domain } = tenantOf(demo, 'ok');
      const { code, log, outputs } = await uses('token', { ...identity, tenant: domain });
      expect({ code, log }).toEqual({ code: 0, log: `::add-mask::${outputs['token']}\n` });
      const claims = JSON.parse(Buffer.from(outputs['token']?.split('.')[1] ?? '', 'base64url').toString()) as object;
      expect(claims).toMatchObject({ tid: tenantId, aud: 'https://graph.microsoft.com' });
    });

    it('token: passes resource, scopes and reason on, whatever characters they have', async () => {
      const { domain } = tenantOf(demo, 'ok');
      const asked = { ...identity, tenant: domain, resource: 'graph', scopes: 'User.Read.All Mail.Read' };
      expect(await uses('token', { ...asked, reason: 'INC 4711: "$HOME" & more' })).toMatchObject({ code: 0 });
      for (const [input, value, said] of [
        ['resource', '$(id)', 'The resource is not configured'],
        ['scopes', 'User.Read.All  $(id)', 'scopes.1'],
        ['scopes', 'User.Read.All --break-glass', 'scopes.1'],
        ['scopes', 'User.Read.All --url=https://127.0.0.1:9', 'scopes.1'],
        ['scopes', 'User.Read.All\n$(id)', 'scopes.1'],
        ['tenant', '"; touch hacked; "', 'touch hacked'],
      ] as const) {
        const { code, log, outputs } = await uses('token', { ...asked, [input]: value });
        expect({ input, code, outputs }).not.toMatchObject({ code: 0 });
        expect(log).toContain(said);
        expect(log).not.toContain('::add-mask::');
      }
    });

    it('token: uses the sign-in of the job, whoever else is signed in', async () => {
      const { domain } = tenantOf(demo, 'ok');
      const state = await mkdtemp(join(folder, 'state-'));
      await createSignInFiles(stateFolder({ XDG_STATE_HOME: state }, process.platform)).save({
        url: demo.url,
        entraEndpoint: demo.cloud.entra,
        tenantId: parseTenantId(demo.cloud.partnerTenantId)!,
        clientId: identity['client-id'] ?? '',
        scope: '',
        account: 'person@contoso.com',
        accessToken: 'token-of-a-person',
        expiresAtMs: Number.MAX_SAFE_INTEGER,
        refreshToken: '',
      });
      const others = { PTB_TOKEN: 'token-of-a-person', XDG_STATE_HOME: state };
      expect(await uses('token', { ...identity, tenant: domain }, others)).toMatchObject({ code: 0 });
    });

    it('exec: masks a token in the log before the script gets it', async () => {
      const { domain } = tenantOf(demo, 'ok');
      const run = `curl -sS "$IDENTITY_ENDPOINT?api-version=2019-08-01&resource=https://graph.microsoft.com" -H "x-identity-header: $IDENTITY_HEADER"`;
      const { code, log } = await uses('exec', { ...identity, run, tenants: domain });
      expect(code).toBe(0);
      const [, token = ''] = /"access_token":"([^"]+)"/.exec(log) ?? [];
      const lines = log.split('\n');
      const masked = lines.indexOf(`::add-mask::${token}`);
      expect([token.length > 100, masked >= 0]).toEqual([true, true]);
      expect(lines.findIndex((line) => line.includes('"access_token"'))).toBeGreaterThan(masked);
    });

    it('exec: runs the example of docs/call.md, which shows no token', async () => {
      const { domain } = tenantOf(demo, 'ok');
      const text = await readFile(join(projectRoot, 'docs/call.md'), 'utf8');
      const [, options = '', run = ''] = /^ +options: (.*)\n +run: (.*)$/m.exec(text) ?? [];
      const { code, log } = await uses('exec', { ...identity, run, options, tenants: domain });
      demo.note('log of the action exec', log);
      expect({ code, log }).toMatchObject({ code: 0 });
      expect(log).toContain('"displayName":');
    });

    it(
      'exec: fails if a cmdlet of a script for pwsh fails',
      skippedBecause(typeof powerShell === 'string' ? powerShell : undefined),
      async () => {
        const { domain } = tenantOf(demo, 'ok');
        const asked = {
          ...identity,
          shell: 'pwsh',
          run: 'Get-Item missing\nWrite-Output "not reached"',
          tenants: domain,
        };
        const { code, log } = await uses('exec', asked, {
          PATH: [
            join(folder, 'tools'),
            process.env['PATH'],
            typeof powerShell === 'string' ? '' : dirname(powerShell.program),
          ].join(delimiter),
        });
        demo.note('log of the action exec', log);
        expect(code).toBe(1);
        expect(log).toContain('missing');
        expect(log).not.toContain('not reached');
      },
    );

    it('exec: runs a script for each tenant, which cannot use the sign-in of the job', async () => {
      const [first, second] = demo.cloud.tenants.filter(({ state }) => state === 'ok');
      const { code, log } = await uses('exec', {
        ...identity,
        run: 'echo "tenant $PTB_TENANT_ID"\necho "sign-in <$ACTIONS_ID_TOKEN_REQUEST_TOKEN$AZURE_CLIENT_ID$BROKER_URL>"',
        tenants: `${first?.tenantId}\n${second?.domain}\n`,
        options: '--parallel=1\n--json',
      });
      demo.note('log of the action exec', log);
      expect({ code, log }).toMatchObject({ code: 0 });
      for (const { tenantId } of [first, second].filter((tenant) => tenant !== undefined))
        expect(log).toContain(`tenant ${tenantId}`);
      expect(log).toContain('sign-in <>');
    });

    it('exec: fails if the script fails, and says for which tenant', async () => {
      const { domain } = tenantOf(demo, 'ok');
      const { code, log } = await uses('exec', { ...identity, run: 'false\necho not reached', tenants: domain });
      demo.note('log of the action exec', log);
      expect(code).toBe(1);
      expect(log).toMatch(/: exit 1, .*\n1 tenant: 0 succeeded, 1 failed\./);
      expect(log).not.toContain('not reached');
    });

    it('exec: sends a query into tenants', async () => {
      const { domain } = tenantOf(demo, 'ok');
      const asked = { ...identity, query: '/users?$top=1&$select=displayName', tenants: domain, options: '--json' };
      const { code, log } = await uses('exec', asked);
      demo.note('log of the action exec', log);
      expect({ code, log }).toMatchObject({ code: 0 });
      expect(log).toContain('displayName');
    });

    it.each([
      ['neither run nor query', {}, {}, 2, 'Give either run'],
      ['both run and query', { run: 'true', query: '/users' }, {}, 2, 'Give either run'],
      ['another shell', { run: 'true', shell: 'fish' }, {}, 2, 'shell is bash or pwsh'],
      [
        'a job without id-token',
        { run: 'true' },
        { ACTIONS_ID_TOKEN_REQUEST_URL: '' },
        2,
        'permissions: { id-token: write }',
      ],
      [
        'a job that GitHub refuses a token',
        { run: 'true' },
        { ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'another' },
        4,
        'GitHub Actions issued no token for this job (HTTP 401)',
      ],
    ])('exec: refuses %s with the next step', async (_what, given, variables, code, said) => {
      const outcome = await uses('exec', { ...identity, ...given }, variables);
      expect(outcome).toMatchObject({ code, outputs: {} });
      expect(outcome.log).toContain(said);
    });

    it('exec: says what an application without a matching federated credential needs', async () => {
      const [other] = demo.cloud.brokerApplication.callers.filter(({ clientId }) => clientId !== identity['client-id']);
      const asked = { ...identity, 'client-id': other?.clientId ?? '', run: 'true' };
      const { code, log } = await uses('exec', asked);
      expect(code).not.toBe(0);
      expect(log).toContain('Entra issued no token for this job');
      expect(log).toContain('Compare the federated credential');
      expect(log).not.toContain(jobToken);
    });
  },
);
