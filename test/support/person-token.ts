import { approveDeviceCode } from 'microsoft-cloud/client';
import type { Demo } from '../../src/cli/demo/start-demo.ts';

/**
 * A token of a person for the broker's API, from the simulated Entra.
 * @param local the name of the account, before the `@`.
 */
export async function tokenOfPerson({ cloud }: Pick<Demo, 'cloud'>, local: string): Promise<string> {
  const username = cloud.accounts.find((account) => account.username.startsWith(`${local}@`))?.username;
  if (username === undefined) throw new Error(`the simulated cloud has no account ${local}`);
  const { signInClientId, audience } = cloud.brokerApplication;
  const authority = `${cloud.entra}/${cloud.partnerTenantId}/oauth2/v2.0`;
  const post = async (path: string, fields: Record<string, string>): Promise<Record<string, unknown>> => {
    const response = await fetch(`${authority}/${path}`, { method: 'POST', body: new URLSearchParams(fields) });
    return (await response.json()) as Record<string, unknown>;
  };
  const scope = `${audience}/access_as_user`;
  const device = await post('devicecode', { client_id: signInClientId, scope });
  await approveDeviceCode(cloud.control, String(device['user_code']), username);
  const answer = await post('token', {
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    client_id: signInClientId,
    device_code: String(device['device_code']),
  });
  if (typeof answer['access_token'] === 'string') return answer['access_token'];
  throw new Error(`Entra issued no token for ${local}: ${JSON.stringify(answer)}`);
}
