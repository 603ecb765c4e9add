import { type Command, Option } from 'commander';
import { grants } from '../../lib/core/secrets.ts';
import type { PendingApprovalAnswer, TokenAnswer } from '../../lib/api/answers/approvals.ts';
import type { TenantDetailsAnswer } from '../../lib/api/answers/tenants.ts';
import { counted } from '../counted.ts';
import type { BrokerClient } from '../remote/broker-client.ts';
import { readReason } from './approvals.ts';
import { addConnectionOptions, connect, type ConnectionFlags } from '../remote/connection.ts';
import { withTenant } from '../remote/named-tenants.ts';
import { waitForApproval } from '../remote/wait-for-approval.ts';
import { print } from '../sign-in/output.ts';
import { exactTime } from '../times.ts';

interface TokenFlags extends ConnectionFlags {
  readonly tenant: string;
  readonly resource: string;
  readonly scope?: readonly string[];
  readonly grant: string;
  readonly raw?: true;
  readonly reason?: string;
  readonly askAgain?: true;
  readonly breakGlass?: true;
  readonly wait?: true;
  readonly json?: true;
}

/** `ptb token`: requests a token from a running broker. Prints the token itself only with --raw. */
export function registerToken(program: Command): void {
  const token = program
    .command('token')
    .description(
      'Request a token from a broker. Prints its tenant, resource, scopes and expiry, and the token itself only with --raw.',
    )
    .requiredOption('--tenant <tenant>', 'the customer tenant: its name, a domain or its id')
    .option('--resource <alias>', 'resource of the token: graph, exchange, partner-center, arm, …', 'graph')
    .option('--scope <name...>', 'required scopes; the policy must allow each of them')
    .addOption(
      new Option('--grant <grant>', 'delegated: for the service account; application: for the application itself')
        .choices([...grants])
        .default('delegated'),
    )
    .option('--reason <text>', 'why, for those who approve it, and for --break-glass', readReason)
    .option('--ask-again', 'ask for a new approval if the last one has ended')
    .option('--break-glass', 'an emergency: use a rule for emergencies; every use is announced')
    .option('--wait', 'wait until other people have approved the request')
    .option('--raw', 'print only the token, for a pipe; with --json: include it in the document')
    .option('--json', 'one JSON document');
  addConnectionOptions(token).action(requestToken);
}

async function requestToken({ tenant, ...flags }: TokenFlags): Promise<void> {
  const client = await connect(flags);
  await withTenant(client, tenant, (one) => requestTokenFor(client, one, flags));
}

async function requestTokenFor(
  client: BrokerClient,
  tenant: string,
  { resource, scope, grant, ...flags }: Omit<TokenFlags, 'tenant'>,
): Promise<void> {
  const { reason, askAgain, breakGlass } = flags;
  const order = { tenant, resource, grant, ...(scope ? { scopes: scope } : {}), reason, breakGlass };
  let answer = (await client.post('/tokens', { ...order, askAgain })) as TokenAnswer | PendingApprovalAnswer;
  // The repeated order may wait again: for another rule, if the policy changed meanwhile.
  while ('approvalId' in answer) {
    await waitForApproval(client, answer.approvalId, flags.wait === true);
    answer = (await client.post('/tokens', order)) as TokenAnswer | PendingApprovalAnswer;
  }
  const { accessToken, ...about } = answer;
  if (flags.raw && !flags.json) {
    process.stdout.write(`${accessToken}\n`);
    return;
  }
  const name = flags.json ? undefined : await tenantName(client, about.tenantId);
  print(flags.json, flags.raw ? { accessToken, ...about } : about, [
    `tenant    ${name === undefined ? about.tenantId : `${name} (${about.tenantId})`}`,
    `resource  ${about.resource} (${about.grant})`,
    `scopes    ${about.scopes.join(' ')}`,
    `expires   ${exactTime(about.expiresAt)} (in ${counted(Math.floor(about.expiresInSeconds / 60), 'minute')})`,
    `token id  ${about.tokenId}`,
    'Add --raw to print the token.',
  ]);
}

/** The name of a tenant, if the caller may read it and the broker knows it at once: the token is there already. */
async function tenantName(client: BrokerClient, tenantId: string): Promise<string | undefined> {
  const answer = await client.glance(`/tenants/${tenantId}`).catch(() => undefined);
  return (answer as TenantDetailsAnswer | undefined)?.name;
}
