import type { CloudDocument } from 'microsoft-cloud';
import { call, postForm } from 'microsoft-cloud/testing';
import { decodeJwt } from 'jose';

const graphAppId = '00000003-0000-0000-c000-000000000000';
const exchangeAppId = '00000002-0000-0ff1-ce00-000000000000';

/** An access token of the broker's application, as the broker gets it. */
export async function applicationToken(cloud: CloudDocument, tenantId: string, resource: string): Promise<string> {
  const { clientId, clientSecret } = cloud.application;
  const { status, body } = await postForm(`${cloud.entra}/${tenantId}/oauth2/v2.0/token`, {
    grant_type: 'refresh_token',
    client_id: clientId,
    client_secret: clientSecret,
    refresh_token: cloud.refreshToken,
    scope: `${resource}/.default`,
  });
  if (status !== 200) throw new Error(`Entra issued no token for ${resource}: ${JSON.stringify(body)}`);
  return String(body['access_token']);
}

/** Replaces the consent of a customer for the broker's application: these permissions of Graph, and Exchange. */
export async function consentTo(cloud: CloudDocument, tenantId: string, permissions: readonly string[]): Promise<void> {
  const { clientId } = cloud.application;
  const token = await applicationToken(cloud, cloud.partnerTenantId, 'https://api.partnercenter.microsoft.com');
  // Partner Center wants the registered name.
  const { app_displayname: displayName } = decodeJwt<{ app_displayname: string }>(token);
  const consents = `${cloud.partnerCenter}/v1/customers/${tenantId}/applicationconsents`;
  const send = async (address: string, method: string, body?: object): Promise<void> => {
    const reply = await call(address, token, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    if (reply.status >= 300) throw new Error(`Partner Center refused: ${JSON.stringify(reply.body)}`);
  };
  await send(`${consents}/${clientId}`, 'DELETE');
  const grants = { [graphAppId]: permissions.join(','), [exchangeAppId]: 'Exchange.Manage' };
  for (const [enterpriseApplicationId, scope] of Object.entries(grants))
    await send(consents, 'POST', {
      applicationId: clientId,
      displayName,
      applicationGrants: [{ enterpriseApplicationId, scope }],
    });
}
