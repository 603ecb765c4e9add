import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { azureCliToken, azureIdentity, federatedAssertion } from '../../../../src/lib/config/identity.ts';
import { parseTenantId } from '../../../../src/lib/core/identifiers.ts';

// Uses the real @azure/identity. Only the programs that it starts are fakes.

const tenantId = parseTenantId('99999999-9999-4999-8999-999999999999')!;
let programs: string;
beforeEach(async () => {
  programs = await mkdtemp(join(tmpdir(), 'azure-cli-'));
  // The SDK starts programs with a shell from /bin. The rest of the path of this machine is hidden.
  vi.stubEnv('PATH', `${programs}:/bin`);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(programs, { recursive: true });
});

async function install(name: string, script: string): Promise<void> {
  await writeFile(join(programs, name), `#!/bin/sh\n${script}\n`);
  await chmod(join(programs, name), 0o755);
}

/** An Azure CLI with a signed-in account. Its token contains the arguments of the call. */
const signedIn = `printf '{"accessToken":"%s","expires_on":4102444800}' "$(echo "$@" | tr ' ' '_')"`;

describe('azureCliToken', () => {
  test('requests a token for the tenant and the resource, and returns it as a secret', async () => {
    await install('az', signedIn);
    const token = await azureCliToken(tenantId, 'https://graph.microsoft.com');
    expect(String(token)).toBe('[secret]');
    expect(token.reveal()).toContain('get-access-token');
    expect(token.reveal()).toContain(tenantId);
    expect(token.reveal()).toContain('https://graph.microsoft.com');
  });

  test.each([
    ['is not installed', undefined],
    ['has no signed-in account', 'echo "Please run az login to setup account." >&2; exit 1'],
  ])('throws sign_in_refused with advice when the Azure CLI %s', async (_, script) => {
    if (script !== undefined) await install('az', script);
    await expect(azureCliToken(tenantId, 'https://graph.microsoft.com')).rejects.toMatchObject({
      code: 'sign_in_refused',
      detail: `There is no Azure CLI sign-in for the tenant ${tenantId}. Run \`az login --tenant ${tenantId}\`.`,
    });
  });
});

describe('azureIdentity without a managed identity', () => {
  test('uses the account that is signed in to the Azure CLI', async () => {
    await install('az', signedIn);
    const identity = await azureIdentity({ hasManagedIdentity: false });
    expect((await identity.getToken('https://vault.azure.net/.default'))?.token).toContain('https://vault.azure.net');
  });

  test('ignores a client secret in environment variables', async () => {
    vi.stubEnv('AZURE_TENANT_ID', tenantId);
    vi.stubEnv('AZURE_CLIENT_ID', tenantId);
    vi.stubEnv('AZURE_CLIENT_SECRET', 'a secret that must not be used');
    const identity = await azureIdentity({ hasManagedIdentity: false });
    await expect(identity.getToken('https://vault.azure.net/.default')).rejects.toThrow(/ChainedTokenCredential/);
  });
});

describe('azureIdentity with a managed identity', () => {
  const clientId = '33333333-3333-4333-8333-333333333333';

  /** The endpoint of App Service when an app has only user-assigned identities: a request must name one. */
  async function startEndpoint(): Promise<{ readonly asked: URLSearchParams[]; readonly close: () => void }> {
    const asked: URLSearchParams[] = [];
    const server = createServer((request, response) => {
      const query = new URL(request.url ?? '', 'http://localhost').searchParams;
      asked.push(query);
      const known = query.get('client_id') === clientId;
      response.writeHead(known ? 200 : 400, { 'content-type': 'application/json' });
      const token = { access_token: 'of-the-identity', expires_on: '4102444800', resource: query.get('resource') };
      response.end(JSON.stringify(known ? token : {}));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    vi.stubEnv('IDENTITY_ENDPOINT', `http://127.0.0.1:${(server.address() as AddressInfo).port}/msi/token`);
    vi.stubEnv('IDENTITY_HEADER', 'header');
    return { asked, close: () => server.close() };
  }

  test('names the user-assigned identity', async () => {
    const { asked, close } = await startEndpoint();
    try {
      const identity = await azureIdentity({ hasManagedIdentity: true, managedIdentityClientId: clientId });
      expect((await identity.getToken('https://vault.azure.net/.default'))?.token).toBe('of-the-identity');
      expect(asked.map((query) => [query.get('client_id'), query.get('resource')])).toEqual([
        [clientId, 'https://vault.azure.net'],
      ]);
    } finally {
      close();
    }
  });
});

test('federatedAssertion throws when the identity returns no token', async () => {
  const identity = { getToken: () => Promise.resolve(null) };
  await expect(federatedAssertion(identity, 'api://AzureADTokenExchange')).rejects.toThrow(/issued no token/);
});
