import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setInterval } from 'node:timers/promises';
import { fullCaller } from './caller-token.ts';
import { type Demo, localBrowser } from './start-demo.ts';

/** Shell variables for whoever wants to call the broker by hand, or to try the operator's commands, while the demo runs. */
export const environmentFile = '.local/demo.env';

/** How often the file is looked after: a caller's token is renewed a minute before its end. */
const lookMs = 30_000;

type DescribedDemo = Pick<Demo, 'url' | 'cloud' | 'callerToken' | 'environment'>;

/** Writes the file, and again whenever the token in it has been renewed, until it is removed. */
export async function keepEnvironmentFile(
  demo: DescribedDemo,
  ptbScript: string,
  { file = environmentFile, everyMs = lookMs }: { readonly file?: string; readonly everyMs?: number } = {},
): Promise<{ remove(): Promise<void> }> {
  const end = new AbortController();
  let text = await describe(demo, ptbScript);
  await mkdir(dirname(file), { recursive: true });
  const write = (): Promise<void> => writeFile(file, text, { mode: 0o600 });
  // Another demo that was started in the same folder later has its own there.
  const isOurs = async (): Promise<boolean> => (await readFile(file, 'utf8').catch(() => '')) === text;
  await write();

  const lookAfter = async (): Promise<void> => {
    for await (const _ of setInterval(everyMs, undefined, { signal: end.signal, ref: false })) {
      // A token that is not to be had now, with faults about, is to be had later.
      const fresh = await describe(demo, ptbScript).catch(() => text);
      if (fresh === text || !(await isOurs())) continue;
      text = fresh;
      await write();
    }
  };
  const looking = lookAfter().catch(() => undefined);
  return {
    remove: async () => {
      end.abort();
      await looking;
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
    // For ptb doctor, rotate, consent, tenants consent and revoke: what the function app has in its settings.
    ...demo.environment,
    PTB_BROWSER: localBrowser(ptbScript, cloud, 'broker'),
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
  const quoted = (value: string): string => `'${value.replaceAll("'", String.raw`'\''`)}'`;
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}=${quoted(value)}\n`)
    .join('');
}
