import type { Command } from 'commander';
import { exitCodes } from '../exit-codes.ts';
import {
  addConnectionOptions,
  addressOf,
  brokerFetch,
  type ConnectionFlags,
  signInForBroker,
} from '../remote/connection.ts';
import { CommandOutcome } from '../run-program.ts';
import { print } from '../sign-in/output.ts';
import type { Finding } from '../verify/checks.ts';

interface VerifyFlags extends ConnectionFlags {
  readonly tenant?: string;
  readonly resource: string;
  readonly json?: true;
}

/** `ptb verify`: checks from outside that a deployed broker answers callers and nobody else. */
export function registerVerify(program: Command): void {
  addConnectionOptions(program.command('verify'))
    .description(
      'Check every entry point of a running broker from outside. Exit 0: all checks passed, 1: a check failed, 5: no answer.',
    )
    .option('--tenant <id-or-domain>', 'a tenant for which the policy allows this caller a token')
    .option('--resource <alias>', 'resource of the token', 'graph')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      '\nWithout --client-id (or a token in PTB_TOKEN), checks that need a caller are skipped.' +
        '\n\nExample:\n  ptb verify --url https://NAME.azurewebsites.net --client-id ID --tenant contoso.com',
    )
    .action(runVerify);
}

async function runVerify(flags: VerifyFlags): Promise<void> {
  const { token, clientId, functionKey } = flags;
  const url = addressOf(flags);
  const [{ isReached, verify }, { createProbe }, { randomUUID }] = await Promise.all([
    import('../verify/checks.ts'),
    import('../verify/probe.ts'),
    import('node:crypto'),
  ]);
  const probe = createProbe(brokerFetch(functionKey === undefined ? {} : { functionKey }), url);
  const findings = await verify(probe, {
    token: token ?? (clientId === undefined ? undefined : await signInForBroker(clientId)),
    tenant: flags.tenant,
    resource: flags.resource,
    foreignTenant: randomUUID(),
  });
  const count = (result: Finding['result']): number => findings.filter((finding) => finding.result === result).length;
  const counts = { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
  print(flags.json, { url, ...counts, checks: findings }, lines(findings));
  if (!isReached(probe)) throw new CommandOutcome(exitCodes.remote);
  if (counts.failed > 0) throw new CommandOutcome(exitCodes.failure);
}

const marks = { passed: 'ok  ', failed: 'FAIL', skipped: '-   ' } as const;

const lines = (findings: readonly Finding[]): string[] =>
  findings.flatMap(({ check, result, evidence, fix }) => [
    `${marks[result]} ${check.padEnd(12)} ${evidence}`,
    ...(fix === undefined ? [] : [`     ${' '.repeat(12)} ${fix}`]),
  ]);
