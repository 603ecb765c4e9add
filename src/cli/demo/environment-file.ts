import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setInterval } from 'node:timers/promises';
import { fullCaller } from './caller-token.ts';
import { environmentFile } from './running-demo.ts';
import type { Demo } from './start-demo.ts';

/** Interval for updating the file. A caller's token is renewed a minute before it expires. */
const updateMs = 30_000;

type DescribedDemo = Pick<Demo, 'url' | 'cloud' | 'callerToken' | 'environment'>;

/** Writes the file, and writes it again whenever its token was renewed, until `remove` is called. */
export async function keepEnvironmentFile(
  demo: DescribedDemo,
  { file = environmentFile, everyMs = updateMs }: { readonly file?: string; readonly everyMs?: number } = {},
): Promise<{ remove(): Promise<void> }> {
  const end = new AbortController();
  let text = await describe(demo);
  await mkdir(dirname(file), { recursive: true });
  const write = (): Promise<void> => writeFile(file, text, { mode: 0o600 });
  // Another demo may have been started in the same folder later and have replaced the file.
  const isOurs = async (): Promise<boolean> => (await readFile(file, 'utf8').catch(() => '')) === text;
  await write();

  const keepUpToDate = async (): Promise<void> => {
    for await (const _ of setInterval(everyMs, undefined, { signal: end.signal, ref: false })) {
      // With faults active, a request for a token may fail now and succeed later.
      const fresh = await describe(demo).catch(() => text);
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

/**
 * The text of the file. A shell that reads it gets the variables for curl, which are not exported: no program that is
 * started afterwards, such as `ptb` or `az` against Azure, sees them. `ptb` reads the settings in the comments itself.
 */
async function describe(demo: DescribedDemo): Promise<string> {
  const { url, cloud } = demo;
  const { brokerApplication, entra, partnerTenantId, tenants, caCertificatePath } = cloud;
  const caller = fullCaller(cloud);
  const tenant = tenants.find(({ state }) => state === 'ok');
  const forCurl = {
    BROKER_URL: url,
    TOKEN_URL: `${entra}/${partnerTenantId}/oauth2/v2.0/token`,
    CA_FILE: caCertificatePath,
    // A caller of the simulated cloud. Its secret is generated at the start and works nowhere else.
    CALLER_ID: caller.clientId,
    CALLER_SECRET: caller.clientSecret,
    // It expires after about an hour.
    CALLER_TOKEN: await demo.callerToken(),
    BROKER_SCOPE: `${brokerApplication.audience}/.default`,
    A_TENANT: tenant?.tenantId ?? '',
  };
  const quoted = (value: string): string => `'${value.replaceAll("'", String.raw`'\''`)}'`;
  const lines = (start: string, variables: Readonly<Record<string, string>>): string[] =>
    Object.entries(variables).map(([name, value]) => `${start}${name}=${quoted(value)}\n`);
  return [...lines('', forCurl), ...lines('# ', { ...demo.environment, CONTROL_URL: cloud.control })].join('');
}
