/**
 * The preprovision hook of azd (azure.yaml). Before the template is deployed, it checks that the region has the version of
 * Node.js, registers a resource provider that no template registers, and sets up the broker's own application in Entra.
 * It stores the application's values in the azd environment, from which azd passes them to the template: azd reads the
 * environment again after a hook.
 */
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';

type Environment = Readonly<Record<string, string | undefined>>;

/** Runs a program. @returns Its output, also if it fails. */
export type RunProgram = (
  program: 'az' | 'azd' | 'ptb',
  args: readonly string[],
) => Promise<{ readonly ok: boolean; readonly stdout: string; readonly stderr: string }>;

/** What a hook of azd works with. */
export interface Hook {
  readonly environment: Environment;
  readonly run: RunProgram;
  readonly say: (line: string) => void;
}

/** A problem with the next step. It stops azd before anything is created. */
export class HookFailure extends Error {}

/** @throws HookFailure. */
export async function preprovision(hook: Hook): Promise<void> {
  await checkRuntime(hook);
  await registerProvider(hook);
  await setUpApi(hook);
}

function required({ environment }: Hook, name: string, otherwise: string): string {
  const value = environment[name];
  if (value !== undefined && value !== '') return value;
  throw new HookFailure(`${name} is not set. ${otherwise}`);
}

async function az(hook: Hook, args: readonly string[]): Promise<unknown> {
  const answer = await hook.run('az', [...args, '--output', 'json']);
  if (answer.ok) return JSON.parse(answer.stdout || 'null');
  throw new HookFailure(
    `az ${args.slice(0, 2).join(' ')} failed: ${answer.stderr.trim()} Install the Azure CLI and run \`az login\`.`,
  );
}

/**
 * Resource Manager accepts a version of Node.js that the region does not have, and the app then never starts ("Flex
 * Consumption plan", supported language stack versions).
 */
async function checkRuntime(hook: Hook): Promise<void> {
  const location = required(
    hook,
    'AZURE_LOCATION',
    'Run `azd env set AZURE_LOCATION REGION`, or `azd up`, which asks.',
  );
  const version = hook.environment['NODE_VERSION'] ?? '24';
  const list = ['functionapp', 'list-flexconsumption-runtimes', '--location', location, '--runtime', 'node'];
  const runtimes = (await az(hook, list)) as readonly { readonly version: string }[];
  const versions = runtimes.map((runtime) => runtime.version);
  if (versions.includes(version)) return;
  const offered = versions.filter((each) => ['22', '24'].includes(each));
  const next =
    offered.length === 0
      ? 'Choose another region: `azd env set AZURE_LOCATION REGION`.'
      : `Run \`azd env set NODE_VERSION ${offered[0]}\`, or choose another region.`;
  throw new HookFailure(`Flex Consumption in ${location} has no Node.js ${version}. ${next}`);
}

/** The template registers the providers of its resources. It has none of Microsoft.App, to which the subnet is delegated. */
async function registerProvider(hook: Hook): Promise<void> {
  if (hook.environment['VNET_ENABLED'] !== 'true') return;
  const subscription = subscriptionOf(hook);
  const provider = ['--namespace', 'Microsoft.App', '--subscription', subscription];
  const { registrationState } = (await az(hook, ['provider', 'show', ...provider])) as { registrationState: string };
  if (registrationState === 'Registered') return;
  hook.say('Registering the resource provider Microsoft.App, which takes some minutes.');
  await az(hook, ['provider', 'register', ...provider, '--wait']);
}

const subscriptionOf = (hook: Hook): string =>
  required(hook, 'AZURE_SUBSCRIPTION_ID', 'Run `azd env set AZURE_SUBSCRIPTION_ID ID`, or `azd up`, which asks.');

interface ApiOutcome {
  readonly clientId: string;
  readonly signInClientId: string;
  readonly audiences: readonly string[];
  readonly steps: readonly string[];
}

/**
 * Sets up the broker's own application and the one that people sign in with.
 * @param url the address of the function app. Undefined before the first deployment. A failure to register it is said and
 * not thrown: the deployment works without it, except that nobody can sign in to the dashboard.
 * @throws HookFailure.
 */
export async function setUpApi(hook: Hook, url?: string): Promise<void> {
  const { environment, run, say } = hook;
  const audiences = environment['BROKER_AUDIENCES'] ?? '';
  if (audiences !== '' && (environment['BROKER_CLIENT_ID'] ?? '') === '') {
    say("BROKER_AUDIENCES is set without BROKER_CLIENT_ID: the broker's own application is yours to manage.");
    return;
  }
  const name = `partner-token-broker-${required(hook, 'AZURE_ENV_NAME', 'Run this hook through azd.')}`;
  const tenant = environment['PARTNER_TENANT_ID'] ?? (await tenantOf(hook));
  const principal = environment['OPERATOR_OBJECT_ID'] ?? '';
  const command = ['setup', 'api', '--az-login', '--yes', '--json', '--partner-tenant', tenant, '--name', name];
  const answer = await run('ptb', [
    ...command,
    ...(principal === '' ? [] : ['--principal', principal]),
    ...(url === undefined ? [] : ['--url', url]),
  ]);
  if (!answer.ok && url !== undefined) {
    say(withoutAddress(answer.stderr, { tenant, name, url }));
    return;
  }
  if (!answer.ok) {
    if (audiences === '') throw new HookFailure(withoutRights(answer.stderr, tenant, name));
    say(`The broker's own application was not checked: ${answer.stderr.trim()} BROKER_AUDIENCES stays as it is.`);
    return;
  }
  const outcome = JSON.parse(answer.stdout) as ApiOutcome;
  for (const step of outcome.steps) say(`Done: ${step}`);
  await store(hook, 'BROKER_AUDIENCES', outcome.audiences.join(','));
  await store(hook, 'BROKER_CLIENT_ID', outcome.clientId);
  await store(hook, 'SIGN_IN_CLIENT_ID', outcome.signInClientId);
}

/** The tenant of the subscription is the partner tenant unless PARTNER_TENANT_ID says otherwise. */
async function tenantOf(hook: Hook): Promise<string> {
  const account = (await az(hook, ['account', 'show', '--subscription', subscriptionOf(hook)])) as { tenantId: string };
  return account.tenantId;
}

const withoutRights = (reason: string, tenant: string, name: string): string =>
  `The broker's own application was not created. ${reason.trim()}\n` +
  `Or have an administrator run \`ptb setup api --partner-tenant ${tenant} --name ${name}\`, then ` +
  '`azd env set BROKER_AUDIENCES AUDIENCES` and `azd env set SIGN_IN_CLIENT_ID CLIENT` with what it prints, and start again.';

const withoutAddress = (
  reason: string,
  { tenant, name, url }: { readonly tenant: string; readonly name: string; readonly url: string },
): string =>
  `The address of the dashboard is not registered, so nobody can sign in to it (AADSTS50011). ${reason.trim()}\n` +
  `Have an administrator run \`ptb setup api --partner-tenant ${tenant} --name ${name} --url ${url} --no-roles\`.`;

async function store({ environment, run }: Hook, name: string, value: string): Promise<void> {
  if (environment[name] === value) return;
  const target = ['--environment', environment['AZURE_ENV_NAME'] ?? ''];
  const answer = await run('azd', ['env', 'set', name, value, ...target]);
  if (!answer.ok) throw new HookFailure(`azd env set ${name} failed: ${answer.stderr.trim()}`);
}

const execute = promisify(execFile);

const runProgram: RunProgram = async (program, args) => {
  const ptb = resolve(import.meta.dirname, '..', 'build/cli/ptb.js');
  const [file, all] = program === 'ptb' ? [process.execPath, [ptb, ...args]] : [program, [...args]];
  // On Windows, `az` is a batch file, which only a shell starts. No argument contains a blank or a quote.
  const shell = process.platform === 'win32' && program === 'az';
  try {
    return { ok: true, ...(await execute(file, all, { shell, maxBuffer: 16 * 1024 * 1024 })) };
  } catch (thrown) {
    const { stdout = '', stderr = '' } = thrown as { stdout?: string; stderr?: string };
    return { ok: false, stdout, stderr: stderr === '' ? String(thrown) : stderr };
  }
};

/** Runs a hook of azd in this process. */
export async function runHook(hook: (parts: Hook) => Promise<void>): Promise<void> {
  try {
    await hook({ environment: process.env, run: runProgram, say: (line) => console.log(line) });
  } catch (thrown) {
    if (!(thrown instanceof HookFailure)) throw thrown;
    console.error(thrown.message);
    process.exitCode = 1;
  }
}

if (import.meta.main) await runHook(preprovision);
