import { type Command, InvalidArgumentError, Option } from 'commander';
import { BrokerError } from '../../lib/errors.ts';
import { parseGuid } from '../../lib/identifiers.ts';
import { exitCodes } from '../exit-codes.ts';
import { CommandOutcome } from '../run-program.ts';
import { print } from '../sign-in/output.ts';
import type { Finding } from '../verify/checks.ts';

interface VerifyFlags {
  readonly url: string;
  readonly token?: string;
  readonly clientId?: string;
  readonly tenant?: string;
  readonly resource: string;
  readonly json?: true;
}

/** `ptb verify`: whether a deployed broker is open where it should be, and nowhere else. */
export function registerVerify(program: Command): void {
  program
    .command('verify')
    .description('Try every door of a running broker from outside. Exit 0: all as it should be, 1: not, 5: no answer.')
    .addOption(new Option('--url <address>', 'address of the function app').env('BROKER_URL').argParser(address))
    .addOption(new Option('--token <token>', 'an access token for the broker; better in PTB_TOKEN').env('PTB_TOKEN'))
    .option('--client-id <id>', "the broker's client id: signs in with `az`, `azd` or Azure PowerShell", guid)
    .option('--tenant <id-or-domain>', 'a tenant for which the policy allows this caller a token')
    .option('--resource <alias>', 'what the token is for', 'graph')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      '\nExample:\n  ptb verify --url https://NAME.azurewebsites.net --client-id ID --tenant contoso.com',
    )
    .action(runVerify);
}

async function runVerify(flags: VerifyFlags, command: Command): Promise<void> {
  if (flags.url === undefined) command.error('error: --url (or BROKER_URL) is missing');
  const [{ isReached, verify }, { createProbe }, { randomUUID }] = await Promise.all([
    import('../verify/checks.ts'),
    import('../verify/probe.ts'),
    import('node:crypto'),
  ]);
  const probe = createProbe((url, init) => fetch(url, init), flags.url);
  const findings = await verify(probe, {
    token: flags.token ?? (flags.clientId === undefined ? undefined : await signIn(flags.clientId)),
    tenant: flags.tenant,
    resource: flags.resource,
    foreignTenant: randomUUID(),
  });
  const count = (result: Finding['result']): number => findings.filter((finding) => finding.result === result).length;
  const counts = { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
  print(flags.json, { url: flags.url, ...counts, checks: findings }, lines(findings));
  if (!isReached(probe)) throw new CommandOutcome(exitCodes.remote);
  if (counts.failed > 0) throw new CommandOutcome(exitCodes.failure);
}

const marks = { passed: 'ok  ', failed: 'FAIL', skipped: '-   ' } as const;

const lines = (findings: readonly Finding[]): string[] =>
  findings.flatMap(({ check, result, evidence, fix }) => [
    `${marks[result]} ${check.padEnd(12)} ${evidence}`,
    ...(fix === undefined ? [] : [`     ${' '.repeat(12)} ${fix}`]),
  ]);

async function signIn(clientId: string): Promise<string> {
  const { azureIdentity } = await import('../../lib/azure/identity.ts');
  try {
    const identity = await azureIdentity({ hasManagedIdentity: false });
    const token = await identity.getToken(`${clientId}/.default`);
    if (token !== null) return token.token;
  } catch (error) {
    throw new BrokerError('caller_unauthenticated', 'Nobody is signed in who may have a token for the broker.', {
      cause: error,
    });
  }
  throw new BrokerError('caller_unauthenticated', 'The sign-in gave no token for the broker.');
}

function address(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) throw new InvalidArgumentError('It is not an address.');
  return url.origin;
}

function guid(text: string): string {
  const parsed = parseGuid(text);
  if (parsed === undefined) throw new InvalidArgumentError('It is not a GUID.');
  return parsed;
}
