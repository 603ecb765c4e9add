import { type Command, Option } from 'commander';
import { grants } from '../../lib/model/token.ts';
import type { TokenAnswer } from '../../lib/api/answers/tokens.ts';
import { addConnectionOptions, connect, type ConnectionFlags } from '../remote/connection.ts';
import { print } from '../sign-in/output.ts';

interface TokenFlags extends ConnectionFlags {
  readonly tenant: string;
  readonly resource: string;
  readonly scope?: readonly string[];
  readonly grant: string;
  readonly raw?: true;
  readonly json?: true;
}

/** `ptb token`: asks a running broker for a token. It is printed only with --raw. */
export function registerToken(program: Command): void {
  const token = program
    .command('token')
    .description(
      'Ask a broker for a token. Prints what it is for and how long it lives; the token itself only with --raw.',
    )
    .requiredOption('--tenant <id-or-domain>', 'the customer tenant')
    .requiredOption('--resource <alias>', 'what the token is for: graph, exchange, partner-center, arm, …')
    .option('--scope <name...>', 'scopes that are needed; the policy is asked for each')
    .addOption(
      new Option('--grant <grant>', 'for the service account or for the application itself')
        .choices([...grants])
        .default('delegated'),
    )
    .option('--raw', 'print the token and nothing else, for a pipe; with --json: put it into the document')
    .option('--json', 'one JSON document');
  addConnectionOptions(token).action(askForToken);
}

async function askForToken({ tenant, resource, scope, grant, ...flags }: TokenFlags): Promise<void> {
  const client = await connect(flags);
  const { accessToken, ...about } = (await client.post('/tokens', {
    tenant,
    resource,
    grant,
    ...(scope ? { scopes: scope } : {}),
  })) as TokenAnswer;
  if (flags.raw && !flags.json) {
    process.stdout.write(`${accessToken}\n`);
    return;
  }
  print(flags.json, flags.raw ? { accessToken, ...about } : about, [
    `tenant    ${about.tenantId}`,
    `resource  ${about.resource} (${about.grant})`,
    `scopes    ${about.scopes.join(' ')}`,
    `expires   ${about.expiresAt} (in ${Math.floor(about.expiresInSeconds / 60)} minutes)`,
    `token id  ${about.tokenId}`,
    'The token itself: add --raw.',
  ]);
}
