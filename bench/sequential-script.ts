/**
 * What partners run today, following the published method ("Connect to delegated Office 365 tenants via PowerShell using
 * the Secure App Model"): a loop over the tenants that redeems the refresh token for each resource and caches nothing.
 */
import type { CloudDocument } from 'microsoft-cloud';

/** @throws Error if a token was refused: failures are fast and would distort the figure. */
async function scriptToken(cloud: CloudDocument, tenantId: string, resource: string): Promise<string> {
  const response = await fetch(`${cloud.entra}/${tenantId}/oauth2/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: cloud.application.clientId,
      client_secret: cloud.application.clientSecret,
      resource,
      refresh_token: cloud.refreshToken,
    }),
  });
  const answer = (await response.json()) as { access_token?: string; error_description?: string };
  if (answer.access_token === undefined) throw new Error(`the script got no token: ${answer.error_description}`);
  return answer.access_token;
}

/** The same loop with the request of a report, one tenant after the other. */
export async function runReportScript(cloud: CloudDocument, tenants: readonly string[]): Promise<ScriptRun> {
  const startedMs = performance.now();
  for (const tenantId of tenants) {
    const token = await scriptToken(cloud, tenantId, 'https://graph.microsoft.com');
    const reply = await fetch(`${cloud.graph}/v1.0/subscribedSkus`, { headers: { authorization: `Bearer ${token}` } });
    const { value } = (await reply.json()) as { value?: readonly unknown[] };
    if (value === undefined) throw new Error(`the script got no licences: HTTP ${reply.status}`);
  }
  return { requests: tenants.length * 2, seconds: (performance.now() - startedMs) / 1000 };
}

export interface ScriptRun {
  readonly requests: number;
  readonly seconds: number;
}

/** The loop over tenants and resources. */
export async function runScript(
  cloud: CloudDocument,
  tenants: readonly string[],
  resources: readonly string[],
): Promise<ScriptRun> {
  const startedMs = performance.now();
  for (const tenantId of tenants) for (const resource of resources) await scriptToken(cloud, tenantId, resource);
  return { requests: tenants.length * resources.length, seconds: (performance.now() - startedMs) / 1000 };
}
