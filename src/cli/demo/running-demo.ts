import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import tls from 'node:tls';
import { asObject } from '../../lib/core/objects.ts';
import { parseJson } from '../../lib/core/outbound.ts';
import { didYouMean } from '../../lib/core/text.ts';
import { isLoopback } from '../remote/loopback.ts';
import { UsageError } from '../run-program.ts';

/** File that describes the demo while it runs, in the folder in which it was started. */
export const environmentFile = '.local/demo.env';

/** An account of the demo that sets up and looks after the broker. */
export type DemoAccount = 'admin' | 'broker';

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

/** Each setting that the commands adopt, and whether its value leads to this machine alone. Programs obey other variables. */
const settingChecks: Readonly<Record<string, (value: string) => boolean>> = {
  IDENTITY_ENDPOINT: isLoopback,
  KEY_VAULT_URL: isLoopback,
  CLOUD_ENDPOINTS: (value) => Object.values(asObject(parseJson(value))).every((each) => isLoopback(String(each))),
  AzureWebJobsStorage: isLocalAccount,
  ACCESS_POLICY: isLocalFile,
  IDENTITY_HEADER: isOpaque,
  MANAGED_IDENTITY_CLIENT_ID: isOpaque,
  PARTNER_TENANT_ID: isOpaque,
  PARTNER_NAME: isOpaque,
  BROKER_AUDIENCES: isOpaque,
  SIGN_IN_CLIENT_ID: isOpaque,
  NO_PROXY: isOpaque,
};

function isOpaque(): boolean {
  return true;
}

/** A path, neither an address nor a share of another machine. */
function isLocalFile(path: string): boolean {
  return !/^(?:[\\/]{2}|\w+:\/\/)/.test(path);
}

/** A connection string that names each service: an account without their addresses would be one of Azure. */
function isLocalAccount(connectionString: string): boolean {
  const parts = connectionString.split(';').filter((part) => part !== '');
  const fields = new Map(parts.map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)]));
  const services = ['BlobEndpoint', 'QueueEndpoint', 'TableEndpoint'];
  const others = ['DefaultEndpointsProtocol', 'AccountName', 'AccountKey'];
  return (
    fields.size === parts.length &&
    [...fields.keys()].every((name) => services.includes(name) || others.includes(name)) &&
    services.every((name) => isLoopback(fields.get(name) ?? ''))
  );
}

/**
 * Reads the file that `npm start` keeps while it runs. Whoever wrote the folder must not choose a server elsewhere, so a
 * file with a setting that leads to another machine describes no demo.
 */
export async function readDemo(folder = process.cwd()): Promise<RunningDemo | undefined> {
  const text = await readFile(join(folder, environmentFile), 'utf8').catch(() => '');
  const values = [...text.matchAll(/^(?:# )?(\w+)='(.*)'$/gm)].map(
    ([, name = '', value = '']) => [name, value.replaceAll(String.raw`'\''`, "'")] as const,
  );
  const {
    BROKER_URL: url,
    CALLER_TOKEN: token,
    CONTROL_URL: control,
    CA_FILE: caFile = '',
  } = Object.fromEntries(values);
  if (!url || !token || !isLoopback(url) || !isLocalFile(caFile)) return undefined;
  if (control !== undefined && !isLoopback(control)) return undefined;
  const settings = values.filter(([name]) => Object.hasOwn(settingChecks, name));
  if (!settings.every(([name, value]) => settingChecks[name]?.(value))) return undefined;
  return { url, token, control: control ?? '', caFile, settings: Object.fromEntries(settings) };
}

/** Makes this process trust the simulated Entra. */
export function trustAuthority(caCertificatePath: string): void {
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), readFileSync(caCertificatePath, 'utf8')]);
}

/** A token for the broker of the demo as one of its people, such as `approver`. @throws UsageError for nobody. */
export async function tokenAs(
  { url, control, caFile }: Pick<RunningDemo, 'url' | 'control' | 'caFile'>,
  person: string,
): Promise<string> {
  const [cloud, { readBrokerSignIn }, { personSignInDeps, signInRequest }, { signIn }] = await Promise.all([
    import('microsoft-cloud/client'),
    import('../login/broker-sign-in.ts'),
    import('../login/kept-token.ts'),
    import('../../operator/setup/sign-in.ts'),
  ]);
  // The other accounts are for the sign-in of `ptb setup` and `ptb consent`.
  const { accounts: all } = await cloud.readDocument(control);
  const accounts = all.filter(({ state }) => state === 'member');
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
 * Gives this process the settings of the demo in this folder, as if they were in its environment.
 * @param person who signs in without a browser: the administrator or the service account of the demo.
 * @returns whether there is a demo.
 */
export async function adoptDemo(person: DemoAccount = 'admin'): Promise<boolean> {
  const demo = await readDemo();
  if (demo === undefined) return false;
  const { readDocument } = await import('microsoft-cloud/client');
  const { accounts } = await readDocument(demo.control);
  const account = accounts.find(({ username }) => username.startsWith(`${person}@`))?.username ?? '';
  trustAuthority(demo.caFile);
  const browser = `"${process.execPath}" "${process.argv[1] ?? ''}" local-browser`;
  Object.assign(process.env, demo.settings, {
    PTB_BROWSER: `${browser} --control ${new URL(demo.control).origin} --account ${account}`,
  });
  return true;
}
