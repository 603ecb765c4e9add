import type { AccessToken, TokenCredential } from '@azure/identity';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { BrokerError } from '../../lib/core/errors.ts';
import type { Fetch } from '../../lib/core/outbound.ts';
import { parseGuid } from '../../lib/core/identifiers.ts';
import { CommandFailure } from '../command-failure.ts';
import type { RunningDemo } from '../demo/running-demo.ts';
import { UsageError } from '../run-program.ts';
import { progress, say } from '../sign-in/output.ts';
import { type BrokerClient, createBrokerClient } from './broker-client.ts';
import { isLoopback } from './loopback.ts';
import { knownAddress, type Places, places } from './places.ts';

/** A token is renewed this long before it expires. */
const renewBeforeMs = 300_000;

/** Options of every command that talks to a running broker. */
export interface ConnectionFlags {
  readonly url?: string;
  readonly token?: string;
  readonly clientId?: string;
  readonly functionKey?: string;
  /** One of the people of the demo. */
  readonly as?: string;
}

/** Adds `--url`. */
export const addUrlOption = (command: Command): Command =>
  command.addOption(new Option('--url <address>', 'address of the function app').env('BROKER_URL').argParser(address));

/**
 * Adds the connection options. Secrets should come from the environment, because every process of the machine can read
 * a command line.
 */
export function addConnectionOptions(command: Command): Command {
  return addUrlOption(command)
    .option('--as <person>', 'in the demo of `npm start`: as operator, helpdesk, approver, auditor or newcomer')
    .addOption(
      new Option('--token <token>', 'an access token for the broker; better in PTB_TOKEN').env('PTB_TOKEN').hideHelp(),
    )
    .addOption(
      new Option(
        '--client-id <id>',
        "the broker's client id: signs in with the job of a pipeline, `az`, `azd`, Azure PowerShell or the managed identity",
      )
        .env('BROKER_CLIENT_ID')
        .argParser(guid),
    )
    .addOption(
      new Option('--function-key <key>', 'a function key; better in PTB_FUNCTION_KEY')
        .env('PTB_FUNCTION_KEY')
        .hideHelp(),
    );
}

/** A `fetch` that sends the function key, for a function app that requires one. */
export function brokerFetch({ functionKey }: Pick<ConnectionFlags, 'functionKey'>): Fetch {
  return (url, init) => {
    const headers = new Headers(init.headers);
    if (functionKey !== undefined && functionKey !== '') headers.set('x-functions-key', functionKey);
    return fetch(url, { ...init, headers });
  };
}

/**
 * Creates a client of the broker from the connection options.
 * @param options.isQuiet prints nothing while it connects and signs in.
 * @throws UsageError without an address; BrokerError caller_unauthenticated without a token or a sign-in.
 */
export async function connect(flags: ConnectionFlags, { isQuiet = false } = {}): Promise<BrokerClient> {
  const { url, token } = await reach(flags, isQuiet ? () => undefined : say);
  if (flags.url === undefined && flags.as === undefined && !isQuiet) progress(`Calling the broker at ${url}.`);
  if (token === undefined) throw noSignIn(url);
  return createBrokerClient(brokerFetch(flags), url, token);
}

/** The broker that a command calls. */
export interface Reached {
  readonly url: string;
  /** Provides the token for a request: of `--as`, the option or PTB_TOKEN, the demo, `ptb login`, the job of a pipeline, or `az`. The first that exists. */
  readonly token: (() => Promise<string>) | undefined;
  /** The demo in this folder, if nothing names another broker. */
  readonly demo: RunningDemo | undefined;
}

/** Finds the broker of the connection options, and who provides a token for it. @throws UsageError without an address. */
export async function reach(flags: ConnectionFlags, warn: (text: string) => void = say): Promise<Reached> {
  const known = places();
  const demo = flags.url === undefined || flags.as !== undefined ? await known.demo() : undefined;
  if (flags.as !== undefined) {
    if (demo === undefined)
      throw new UsageError('--as is for the demo, and none runs in this folder. `npm start` starts one.');
    const { tokenAs } = await import('../demo/running-demo.ts');
    const token = await tokenAs(demo, flags.as);
    return { url: demo.url, token: async () => token, demo };
  }
  const url = demo?.url ?? (await knownAddress(flags, known));
  return { url, token: await callerToken(flags, { url, demo }, known, warn), demo };
}

async function callerToken(
  { token, clientId }: ConnectionFlags,
  { url, demo }: Pick<Reached, 'url' | 'demo'>,
  known: Places,
  warn: (text: string) => void,
): Promise<Reached['token']> {
  if (token !== undefined && token !== '') return async () => token;
  if (demo !== undefined) return async () => ((await known.demo()) ?? demo).token;
  if ((await known.files.find(url)) !== undefined) return () => tokenOfLogin(known, url, warn);
  if (clientId === undefined) return undefined;
  let kept: AccessToken | undefined;
  return async () => {
    // `az` takes about a second and a process. Watching a run takes hundreds of requests.
    if (kept === undefined || kept.expiresOnTimestamp - Date.now() < renewBeforeMs) kept = await signIn(clientId);
    return kept.token;
  };
}

/** Read for each request, because another command may have renewed it. */
async function tokenOfLogin({ files }: Places, url: string, warn: (text: string) => void): Promise<string> {
  const signIn = await files.find(url);
  if (signIn === undefined) throw noSignIn(url);
  const { keptToken, personSignInDeps } = await import('../login/kept-token.ts');
  return keptToken(files, signIn, { ...personSignInDeps, warn });
}

const noSignIn = (url: string): CommandFailure =>
  new CommandFailure(
    'caller_unauthenticated',
    `You are not signed in to ${url}.`,
    `Run \`ptb login --url ${url}\`, or set PTB_TOKEN or BROKER_CLIENT_ID.`,
  );

/** A token for the broker, of the account that is signed in on this machine. @throws BrokerError caller_unauthenticated. */
export const signInForBroker = async (clientId: string): Promise<string> => (await signIn(clientId)).token;

/**
 * The identity of this machine: its managed identity if there is one, otherwise the account that is signed in.
 * @throws UsageError if MANAGED_IDENTITY_CLIENT_ID is wrong.
 */
export async function machineIdentity(): Promise<TokenCredential> {
  const { azureIdentity } = await import('../../lib/config/identity.ts');
  if (process.env['IDENTITY_ENDPOINT'] === undefined) return azureIdentity({ hasManagedIdentity: false });
  // A host may have several user-assigned identities, or only one and no system-assigned identity. Then it must be named.
  const name = process.env['MANAGED_IDENTITY_CLIENT_ID'] ?? '';
  const managedIdentityClientId = parseGuid(name);
  if (name !== '' && managedIdentityClientId === undefined)
    throw new UsageError(
      'MANAGED_IDENTITY_CLIENT_ID: is not a client id (GUID). Set it to the client id of the managed identity.',
    );
  return azureIdentity({ hasManagedIdentity: true, managedIdentityClientId });
}

async function signIn(clientId: string): Promise<AccessToken> {
  const { idTokenStep, pipelineJob, tokenOfJob } = await import('./pipeline-job.ts');
  const job = pipelineJob(process.env);
  if (job !== undefined) {
    const request = { variables: process.env, scope: `${clientId}/.default`, nowMs: Date.now() };
    const { accessToken, expiresAtMs } = await tokenOfJob((url, init) => fetch(url, init), job, request);
    return { token: accessToken.reveal(), expiresOnTimestamp: expiresAtMs };
  }
  const identity = await machineIdentity();
  try {
    const token = await identity.getToken(`${clientId}/.default`);
    if (token !== null) return token;
  } catch (cause) {
    const detail = 'No account that is signed in on this machine gets a token for the broker.';
    const { GITHUB_ACTIONS, AZURE_CLIENT_ID = '', AZURE_TENANT_ID = '' } = process.env;
    if (GITHUB_ACTIONS === 'true' && AZURE_CLIENT_ID !== '' && AZURE_TENANT_ID !== '')
      throw new CommandFailure('caller_unauthenticated', detail, idTokenStep, { cause });
    throw new BrokerError('caller_unauthenticated', detail, { cause });
  }
  throw new BrokerError('caller_unauthenticated', 'The sign-in returned no token for the broker.');
}

function address(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new InvalidArgumentError('It must be an address such as https://NAME.azurewebsites.net.');
  // A token must not travel in the clear, and nobody on the way may change where to sign in.
  if (url.protocol === 'http:' && !isLoopback(url.origin))
    throw new InvalidArgumentError('It is not encrypted. Use the https address.');
  return url.origin;
}

function guid(text: string): string {
  const id = parseGuid(text);
  if (id === undefined) throw new InvalidArgumentError('It must be a client id (GUID).');
  return id;
}
