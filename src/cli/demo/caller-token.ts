import type { CloudDocument } from 'microsoft-cloud';

const requiredRoles = ['Tokens.Request', 'Tenants.Read', 'Runs.Read', 'Runs.Write'];

/** The caller of the simulated cloud that has all app roles. */
export function fullCaller(cloud: CloudDocument): CloudDocument['brokerApplication']['callers'][number] {
  const caller = cloud.brokerApplication.callers.find(({ roles }) =>
    requiredRoles.every((role) => roles.includes(role)),
  );
  if (caller === undefined) throw new Error('the simulated cloud has no caller with all roles');
  return caller;
}

/** Requests tokens for the broker's API with the client credentials grant. Reuses one until a minute before it expires. */
export function callerTokens(
  cloud: CloudDocument,
  fetch: (url: string, init: RequestInit) => Promise<Response> = globalThis.fetch,
  caller = fullCaller(cloud),
): () => Promise<string> {
  let kept: { token: string; untilMs: number } | undefined;
  return async () => {
    if (kept !== undefined && Date.now() < kept.untilMs) return kept.token;
    const response = await fetch(`${cloud.entra}/${cloud.partnerTenantId}/oauth2/v2.0/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: caller.clientId,
        client_secret: caller.clientSecret,
        scope: `${cloud.brokerApplication.audience}/.default`,
      }),
    });
    const answer = (await response.json()) as {
      access_token?: string;
      expires_in?: number;
      error_description?: string;
    };
    if (answer.access_token === undefined)
      throw new Error(`Entra issued no token for the caller: ${answer.error_description ?? response.status}`);
    kept = { token: answer.access_token, untilMs: Date.now() + ((answer.expires_in ?? 0) - 60) * 1000 };
    return kept.token;
  };
}
