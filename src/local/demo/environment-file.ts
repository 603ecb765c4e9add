import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fullCaller } from './caller-token.ts';
import type { Demo } from './start-demo.ts';

/** Shell variables for whoever wants to call the broker by hand while the demo runs; removed when it stops. */
export const environmentFile = '.local/demo.env';

export async function writeEnvironmentFile(demo: Pick<Demo, 'url' | 'cloud' | 'callerToken'>): Promise<void> {
  const { url, cloud } = demo;
  const { brokerApplication, entra, partnerTenantId, tenants, caCertificatePath } = cloud;
  const caller = fullCaller(cloud);
  const token = await demo.callerToken();
  const tenant = tenants.find(({ state }) => state === 'ok');
  const variables = {
    BROKER_URL: url,
    TOKEN_URL: `${entra}/${partnerTenantId}/oauth2/v2.0/token`,
    CA_FILE: caCertificatePath,
    // A caller of the simulated cloud, made at its start: it opens nothing else.
    CALLER_ID: caller.clientId,
    CALLER_SECRET: caller.clientSecret,
    // For the dashboard and the examples of docs/api.md, and for ptb; it lives about an hour.
    CALLER_TOKEN: token,
    PTB_TOKEN: token,
    BROKER_SCOPE: `${brokerApplication.audience}/.default`,
    A_TENANT: tenant?.tenantId ?? '',
  };
  await mkdir(dirname(environmentFile), { recursive: true });
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}='${value}'\n`);
  await writeFile(environmentFile, lines.join(''), { mode: 0o600 });
}
