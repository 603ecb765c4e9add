import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setInterval } from 'node:timers/promises';
import { fullCaller } from './caller-token.ts';
import { type Demo, localBrowser } from './start-demo.ts';

/** File with shell variables for calling the broker and running operator commands while the demo runs. */
export const environmentFile = '.local/demo.env';

/** Interval for updating the file. A caller's token is renewed a minute before it expires. */
const updateMs = 30_000;

type DescribedDemo = Pick<Demo, 'url' | 'cloud' | 'callerToken' | 'environment'>;

/** Writes the file, and writes it again whenever its token was renewed, until `remove` is called. */
export async function keepEnvironmentFile(
  demo: DescribedDemo,
  ptbScript: string,
  { file = environmentFile, everyMs = updateMs }: { readonly file?: string; readonly everyMs?: number } = {},
): Promise<{ remove(): Promise<void> }> {
  const end = new AbortController();
  let text = await describe(demo, ptbScript);
  await mkdir(dirname(file), { recursive: true });
  const write = (): Promise<void> => writeFile(file, text, { mode: 0o600 });
  // Another demo may have been started in the same folder later and have replaced the file.
  const isOurs = async (): Promise<boolean> => (await readFile(file, 'utf8').catch(() => '')) === text;
  await write();

  const keepUpToDate = async (): Promise<void> => {
    for await (const _ of setInterval(everyMs, undefined, { signal: end.signal, ref: false })) {
      // With faults active, a request for a token may fail now and succeed later.
      const fresh = await describe(demo, ptbScript).catch(() => text);
      if (fresh === text || !(await isOurs())) continue;
      text = fresh;
      await write();
    }
  };
  const updating = keepUpToDate().catch(() => undefined);
  return {
    remove: async () => {
      end.abort();
      await updating;
      if (await isOurs()) await rm(file, { force: true });
    },
  };
}

async function describe(demo: DescribedDemo, ptbScript: string): Promise<string> {
  const { url, cloud } = demo;
  const { brokerApplication, entra, partnerTenantId, tenants, caCertificatePath } = cloud;
  const caller = fullCaller(cloud);
  const token = await demo.callerToken();
  const tenant = tenants.find(({ state }) => state === 'ok');
  const variables = {
    // For ptb doctor, rotate, consent, tenants consent and revoke: the settings of the function app.
    ...demo.environment,
    PTB_BROWSER: localBrowser(ptbScript, cloud, 'broker'),
    BROKER_URL: url,
    TOKEN_URL: `${entra}/${partnerTenantId}/oauth2/v2.0/token`,
    CA_FILE: caCertificatePath,
    // A caller of the simulated cloud. Its secret is generated at the start and works nowhere else.
    CALLER_ID: caller.clientId,
    CALLER_SECRET: caller.clientSecret,
    // For the dashboard, the code samples of /api/docs and ptb. It expires after about an hour.
    CALLER_TOKEN: token,
    PTB_TOKEN: token,
    BROKER_SCOPE: `${brokerApplication.audience}/.default`,
    A_TENANT: tenant?.tenantId ?? '',
  };
  const quoted = (value: string): string => `'${value.replaceAll("'", String.raw`'\''`)}'`;
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}=${quoted(value)}\n`)
    .join('');
}
