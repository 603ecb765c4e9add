import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import tls from 'node:tls';
import { didYouMean } from '../../lib/core/text.ts';
import { isLoopback } from '../remote/loopback.ts';
import { UsageError } from '../run-program.ts';

/** File that describes the demo while it runs, in the folder in which it was started. */
export const environmentFile = '.local/demo.env';

/** The demo that runs in this folder. */
export interface RunningDemo {
  readonly url: string;
  /** Of the caller that may do everything. It is renewed, so the file is read for each use. */
  readonly token: string;
  /** Control endpoint of the simulated cloud. */
  readonly control: string;
  readonly caFile: string;
  /** Settings of the function app. */
  readonly settings: Readonly<Record<string, string>>;
}

/** What a setting of the demo may be called: programs obey other variables, and the author of a clone may write the file. */
const settingNames: ReadonlySet<string> = new Set([
  'IDENTITY_ENDPOINT',
  'IDENTITY_HEADER',
  'MANAGED_IDENTITY_CLIENT_ID',
  'KEY_VAULT_URL',
  'CLOUD_ENDPOINTS',
  'PARTNER_TENANT_ID',
  'BROKER_AUDIENCES',
  'SIGN_IN_CLIENT_ID',
  'AzureWebJobsStorage',
  'ACCESS_POLICY',
  'NO_PROXY',
]);

/**
 * Reads the file that `npm start` keeps while it runs. Whoever wrote the folder must not choose a server elsewhere, so a
 * file with any address that is not of this machine describes no demo.
 */
export async function readDemo(folder = process.cwd()): Promise<RunningDemo | undefined> {
  const text = await readFile(join(folder, environmentFile), 'utf8').catch(() => '');
  const values = Object.fromEntries(
    [...text.matchAll(/^(?:# |export )?(\w+)='(.*)'$/gm)].map(([, name = '', value = '']) => [
      name,
      value.replaceAll(String.raw`'\''`, "'"),
    ]),
  );
  const { BROKER_URL: url, CALLER_TOKEN: token, CONTROL_URL: control = '', CA_FILE: caFile = '' } = values;
  const addresses = text.match(/\bhttps?:\/\/[^\s'",;]+/gi) ?? [];
  if (!url || !token || !isLoopback(url) || !addresses.every(isLoopback)) return undefined;
  // An account without addresses of its services would be one of Azure.
  if (/\b(?:EndpointSuffix|DefaultEndpointsProtocol=https)\b/i.test(text)) return undefined;
  const settings = Object.fromEntries(Object.entries(values).filter(([name]) => settingNames.has(name)));
  return { url, token, control, caFile, settings };
}

/** Makes this process trust the simulated Entra. */
export function trustAuthority(caCertificatePath: string): void {
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), readFileSync(caCertificatePath, 'utf8')]);
}

/** A token for the broker of the demo as one of its people, such as `approver`. @throws UsageError for nobody. */
export async function tokenAs({ url, control, caFile }: RunningDemo, person: string): Promise<string> {
  const [cloud, { readBrokerSignIn }, { personSignInDeps, signInRequest }, { signIn }] = await Promise.all([
    import('microsoft-cloud/client'),
    import('../login/broker-sign-in.ts'),
    import('../login/kept-token.ts'),
    import('../../operator/setup/sign-in.ts'),
  ]);
  const { accounts } = await cloud.readDocument(control);
  const account = accounts.find(({ username }) => username.split('@', 1)[0] === person);
  if (account === undefined) {
    const names = accounts.flatMap(({ username }) => username.split('@', 1));
    throw new UsageError(
      `--as: the demo has no "${person}"${didYouMean(person, names) || `. It has ${names.join(', ')}.`}`,
    );
  }
  trustAuthority(caFile);
  const settings = await readBrokerSignIn((address, init) => fetch(address, init), url);
  const openBrowser = async (address: string): Promise<void> => {
    await (await fetch(await cloud.signIn(control, address, account.username))).arrayBuffer();
  };
  const deps = { ...personSignInDeps, entraEndpoint: settings.entraEndpoint, signal: AbortSignal.timeout(30_000) };
  const token = await signIn(deps, { kind: 'browser', openBrowser }, signInRequest(settings));
  return token.accessToken.reveal();
}

/**
 * Gives this process the settings of the demo in this folder, as if they were in its environment. The service account of
 * the demo signs in without a browser.
 * @returns whether there is a demo.
 */
export async function adoptDemo(): Promise<boolean> {
  const demo = await readDemo();
  if (demo === undefined) return false;
  const { readDocument } = await import('microsoft-cloud/client');
  const { accounts } = await readDocument(demo.control);
  const account = accounts.find(({ username }) => username.startsWith('broker@'))?.username ?? '';
  trustAuthority(demo.caFile);
  const browser = `"${process.execPath}" "${process.argv[1] ?? ''}" local-browser`;
  Object.assign(process.env, demo.settings, {
    PTB_BROWSER: `${browser} --control ${new URL(demo.control).origin} --account ${account}`,
  });
  return true;
}
