import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { azureCliToken, azureIdentity, federatedAssertion } from '../../../../src/lib/azure/identity.ts';
import { parseTenantId } from '../../../../src/lib/model/identifiers.ts';

// The real @azure/identity; only the programs that it asks stand in for those of a developer's machine.

const tenantId = parseTenantId('99999999-9999-4999-8999-999999999999')!;
let programs: string;
beforeEach(async () => {
  programs = await mkdtemp(join(tmpdir(), 'azure-cli-'));
  // The shell is what the SDK starts a program with; nothing else of this machine's is to be found.
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

/** An Azure CLI that somebody has signed in to: its token says what it was asked for. */
const signedIn = `printf '{"accessToken":"%s","expires_on":4102444800}' "$(echo "$@" | tr ' ' '_')"`;

describe('a token of the Azure CLI', () => {
  test('is that of the account in the tenant asked for, and a secret', async () => {
    await install('az', signedIn);
    const token = await azureCliToken(tenantId, 'https://graph.microsoft.com');
    expect(String(token)).toBe('[secret]');
    expect(token.reveal()).toContain('get-access-token');
    expect(token.reveal()).toContain(tenantId);
    expect(token.reveal()).toContain('https://graph.microsoft.com');
  });

  test.each([
    ['is not there', undefined],
    ['knows nobody', 'echo "Please run az login to setup account." >&2; exit 1'],
  ])('is refused with what to do, where the program %s', async (_, script) => {
    if (script !== undefined) await install('az', script);
    await expect(azureCliToken(tenantId, 'https://graph.microsoft.com')).rejects.toMatchObject({
      code: 'sign_in_refused',
      detail: `There is no Azure CLI sign-in for the tenant ${tenantId}; run az login.`,
    });
  });
});

describe('the identity of this program where no managed identity answers', () => {
  test('is whoever is signed in to the Azure CLI', async () => {
    await install('az', signedIn);
    const identity = await azureIdentity({ hasManagedIdentity: false });
    expect((await identity.getToken('https://vault.azure.net/.default'))?.token).toContain('https://vault.azure.net');
  });

  test('is nobody out of environment variables, even where they hold a secret', async () => {
    vi.stubEnv('AZURE_TENANT_ID', tenantId);
    vi.stubEnv('AZURE_CLIENT_ID', tenantId);
    vi.stubEnv('AZURE_CLIENT_SECRET', 'a secret that must not be used');
    const identity = await azureIdentity({ hasManagedIdentity: false });
    await expect(identity.getToken('https://vault.azure.net/.default')).rejects.toThrow(/ChainedTokenCredential/);
  });
});

test('an identity that gives nothing gives no assertion', async () => {
  const nobody = { getToken: () => Promise.resolve(null) };
  await expect(federatedAssertion(nobody, 'api://AzureADTokenExchange')).rejects.toThrow(/gave no token/);
});
