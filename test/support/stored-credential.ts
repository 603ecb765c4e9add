import type { CloudDocument } from 'microsoft-cloud';
import { postForm } from 'microsoft-cloud/testing';
import { decodeJwt } from 'jose';
import { secretNames } from '../../src/lib/tokens/credential/key-vault-credential-store.ts';
import { writeClientCredential, writeRefreshToken } from '../../src/lib/tokens/credential/stored-secret.ts';
import { refreshTokenLifeMs, Secret } from '../../src/lib/core/secrets.ts';
import { parseTenantId, type TenantId } from '../../src/lib/core/identifiers.ts';
import { openVault } from './simulated-vault.ts';

const application = 'default';
const secretLifeMs = 180 * 86_400_000;

/**
 * Stores the credential of the cloud's ready-made application, which is what `ptb setup` and `ptb consent` would leave.
 * These commands take more processor time than the rest of a demo needs to start. For tests of something else; test/e2e/main-job.test.ts
 * and test/e2e/demo-command.test.ts run the commands.
 */
export async function storeCredential(cloud: CloudDocument): Promise<void> {
  const { clientId, clientSecret } = cloud.application;
  const tenantId = parseTenantId(cloud.partnerTenantId) as TenantId;
  const nowMs = Date.now();
  const account = cloud.accounts.find(({ username }) => username.startsWith('broker@'))?.username ?? '';
  const vault = await openVault(cloud);
  const client = { kind: 'secret', secret: new Secret(clientSecret) } as const;
  await vault.set(
    secretNames.clientCredential(application),
    writeClientCredential(application, {
      credential: client,
      clientId,
      tenantId,
      endsAtMs: nowMs + secretLifeMs,
    }),
  );
  await vault.set(
    secretNames.refreshToken(application),
    writeRefreshToken(application, {
      secret: new Secret(cloud.refreshToken),
      clientId,
      account,
      accountObjectId: await objectIdOf(cloud),
      obtainedAtMs: nowMs,
      consentedAtMs: nowMs,
      expiresAtMs: nowMs + refreshTokenLifeMs,
      mfa: true,
    }),
  );
}

/** The object id of the account to which the refresh token was issued. */
async function objectIdOf({
  entra,
  partnerTenantId,
  application: client,
  refreshToken,
}: CloudDocument): Promise<string> {
  const { body } = await postForm(`${entra}/${partnerTenantId}/oauth2/v2.0/token`, {
    grant_type: 'refresh_token',
    client_id: client.clientId,
    client_secret: client.clientSecret,
    refresh_token: refreshToken,
    scope: 'https://graph.microsoft.com/.default',
  });
  return String(decodeJwt(String(body['access_token']))['oid']);
}
