import { createHash, randomUUID, X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import type { CloudDocument } from 'microsoft-cloud';

/** Client id of the Azure CLI. The tests use it for the device code sign-in to the broker. */
const signInClient = '04b07795-8ddb-461a-bbee-02f9e1bf7b46';

/** Client id of Microsoft Graph Command Line Tools, a public client for administrators. */
const administrationClient = '14d82eec-204b-4c2f-b7e8-296a70dab67e';

interface CallerCertificate {
  readonly certificatePath: string;
  readonly keyPath: string;
  readonly thumbprint: string;
}

/**
 * Adds a certificate to the caller with all roles. Also adds a scope and a pre-authorized client to the broker's
 * application, so that users can sign in, as `ptb setup api` does.
 */
export async function registerCallers(cloud: CloudDocument, folder: string): Promise<CallerCertificate> {
  const token = await signInAsAdministrator(cloud);
  const patch = async (appId: string, body: unknown): Promise<void> => {
    const reply = await fetch(`${cloud.graph}/v1.0/applications(appId='${appId}')`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!reply.ok) throw new Error(`PATCH application: ${reply.status} ${await reply.text()}`);
  };
  const [caller] = cloud.brokerApplication.callers;
  if (caller === undefined) throw new Error('the simulated cloud has no caller');
  const pair = await generate([{ name: 'commonName', value: 'caller' }], {
    keyType: 'rsa',
    keySize: 2048,
    algorithm: 'sha256',
  });
  const der = new X509Certificate(pair.cert).raw;
  await patch(caller.clientId, {
    keyCredentials: [{ type: 'AsymmetricX509Cert', usage: 'Verify', key: der.toString('base64') }],
  });
  const scopeId = randomUUID();
  await patch(cloud.brokerApplication.clientId, {
    api: {
      oauth2PermissionScopes: [{ id: scopeId, value: 'access_as_user', isEnabled: true, type: 'Admin' }],
      preAuthorizedApplications: [{ appId: signInClient, delegatedPermissionIds: [scopeId] }],
    },
  });
  const certificatePath = join(folder, 'caller.pem');
  const keyPath = join(folder, 'caller.key');
  await writeFile(certificatePath, pair.cert);
  await writeFile(keyPath, pair.private, { mode: 0o600 });
  return { certificatePath, keyPath, thumbprint: createHash('sha1').update(der).digest('hex').toUpperCase() };
}

async function signInAsAdministrator(cloud: CloudDocument): Promise<string> {
  const form = { client_id: administrationClient, scope: 'https://graph.microsoft.com/.default' };
  const post = async (path: string, values: Record<string, string>): Promise<Record<string, string>> => {
    const reply = await fetch(`${cloud.entra}/${cloud.partnerTenantId}/oauth2/v2.0/${path}`, {
      method: 'POST',
      body: new URLSearchParams(values),
    });
    return (await reply.json()) as Record<string, string>;
  };
  const device = await post('devicecode', form);
  const username = cloud.accounts.find(({ state }) => state === 'admin')?.username;
  await fetch(`${cloud.control}/device-code`, {
    method: 'POST',
    body: JSON.stringify({ userCode: device['user_code'], username }),
  });
  const grant = 'urn:ietf:params:oauth:grant-type:device_code';
  const answer = await post('token', { ...form, grant_type: grant, device_code: device['device_code'] ?? '' });
  if (answer['access_token'] === undefined)
    throw new Error(`the administrator cannot sign in: ${answer['error_description']}`);
  return answer['access_token'];
}
