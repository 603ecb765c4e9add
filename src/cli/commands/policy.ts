import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Grant, grants } from '../../lib/model/token.ts';
import { type CallerRole, callerRoles } from '../../lib/model/caller.ts';
import type { Explanation } from '../../lib/callers/explain.ts';
import type { ParsedPolicy } from '../../lib/callers/parse-policy.ts';
import {
  type DomainName,
  parseDomainName,
  parseGuid,
  parseTenantId,
  type TenantId,
} from '../../lib/model/identifiers.ts';
import { exitCodes } from '../exit-codes.ts';
import { CommandOutcome } from '../run-program.ts';

const defaultFile = 'access-policy.json';

interface TestOptions {
  readonly caller: string;
  readonly tenant: readonly (TenantId | DomainName)[];
  readonly resource: string;
  readonly scope: readonly string[];
  readonly grant: Grant;
  readonly role: readonly CallerRole[];
  readonly file: string;
  readonly json?: true;
}

/** `ptb policy`: checks and explains the access policy without requesting a token. */
export function registerPolicy(program: Command): void {
  const policy = program.command('policy').description('Check and explain the access policy. Requests no token.');

  policy
    .command('check')
    .description('Check a whole policy. Exit 0: valid, 1: not valid (the broker would deny every request).')
    .argument('[file]', 'policy file', defaultFile)
    .option('--json', 'one JSON document')
    .action(async (file: string, { json }: { json?: true }, command: Command) => {
      const parsed = await readPolicy(file, command);
      print(json ? JSON.stringify(checkReport(file, parsed), undefined, 2) : checkText(file, parsed));
      if (!parsed.ok) throw new CommandOutcome(exitCodes.failure);
    });

  policy
    .command('test')
    .description('Explain the decision for a caller, a tenant and a resource. Exit 0: allowed, 1: denied.')
    .requiredOption('--caller <id>', 'application (client) id of the caller', guid)
    .requiredOption('--tenant <id-or-domain...>', 'the tenant: its id, its domains or both', collectTenants)
    .requiredOption('--resource <alias>', 'resource of the token, such as graph')
    .option('--scope <name...>', 'scopes that the caller needs', [])
    .addOption(new Option('--grant <grant>', 'grant of the token').choices(grants).default('delegated'))
    .addOption(
      new Option('--role <role...>', 'app roles of the caller').choices(callerRoles).default(['Tokens.Request']),
    )
    .option('--file <file>', 'policy file', defaultFile)
    .option('--json', 'one JSON document')
    .action(testPolicy);

  policy
    .command('schema')
    .description('Print the JSON schema of the policy, for editors.')
    .action(async () => {
      const { policyJsonSchema } = await import('../../lib/callers/policy-document.ts');
      print(JSON.stringify(policyJsonSchema(), undefined, 2));
    });
}

async function testPolicy(options: TestOptions, command: Command): Promise<void> {
  const parsed = await readPolicy(options.file, command);
  if (!parsed.ok) {
    const reason = 'The policy is not valid, so every request is denied.';
    const report = { allowed: false, reason, problems: parsed.problems };
    print(options.json ? JSON.stringify(report, undefined, 2) : [reason, ...parsed.problems].join('\n  '));
    throw new CommandOutcome(exitCodes.failure);
  }
  const { explain } = await import('../../lib/callers/explain.ts');
  const tenantIds = options.tenant.map(parseTenantId).filter((id) => id !== undefined);
  if (tenantIds.length > 1) command.error('error: --tenant takes one tenant id; further values are its domains');
  const explanation = explain(
    parsed.policy,
    { applicationId: options.caller, roles: options.role },
    {
      tenantId: tenantIds[0],
      domains: options.tenant.map(parseDomainName).filter((domain) => domain !== undefined),
      resource: options.resource,
      scopes: options.scope,
      grant: options.grant,
    },
  );
  const notes =
    tenantIds.length > 0 ? [] : ['Rules that name the tenant by its id cannot match. Add the id to --tenant.'];
  print(options.json ? JSON.stringify(testReport(explanation, notes), undefined, 2) : testText(explanation, notes));
  if (!explanation.decision.allow) throw new CommandOutcome(exitCodes.failure);
}

async function readPolicy(file: string, command: Command): Promise<ParsedPolicy> {
  const { parsePolicy } = await import('../../lib/callers/parse-policy.ts');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    command.error(`error: ${file} cannot be read: ${error instanceof Error ? error.message : 'unknown error'}`);
  }
  return parsePolicy(text);
}

function checkReport(file: string, parsed: ParsedPolicy): unknown {
  return parsed.ok
    ? { file, valid: true, rules: parsed.policy.rules.map(({ name }) => name), warnings: parsed.warnings }
    : { file, valid: false, problems: parsed.problems };
}

function checkText(file: string, parsed: ParsedPolicy): string {
  if (!parsed.ok)
    return [`${file} is not valid. The broker would deny every request:`, ...parsed.problems].join('\n  ');
  const count = parsed.policy.rules.length;
  const result =
    count === 0 ? 'has no rules, so every request is denied' : `is valid: ${count} ${count === 1 ? 'rule' : 'rules'}`;
  return [`${file} ${result}.`, ...parsed.warnings.map((warning) => `  Note: ${warning}`)].join('\n');
}

function testReport({ decision, rules }: Explanation, notes: readonly string[]): unknown {
  const { allow, ...rest } = decision;
  return { allowed: allow, ...rest, rules, notes };
}

function testText({ decision, rules }: Explanation, notes: readonly string[]): string {
  const limit = (scopes: readonly string[], excess: 'refuse' | 'record'): string =>
    ` The token may carry ${scopes.join(', ')}; one that carries more is ${excess === 'refuse' ? 'refused' : 'issued and recorded'}.`;
  const headline = decision.allow
    ? `Allowed by "${decision.rule}", redeemed by the application ${decision.application}.` +
      (decision.scopes === undefined ? '' : limit(decision.scopes, decision.excessScopes))
    : `Denied. ${decision.reason}`;
  const lines = rules.map(({ rule, outcome, missing }, index) => {
    const verdict = outcome === 'lacks' ? `does not match the ${missing}` : outcome;
    return `  ${index + 1}. ${rule}: ${verdict}`;
  });
  return [headline, ...lines, ...notes.map((note) => `  Note: ${note}`)].join('\n');
}

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

function guid(value: string): string {
  const parsed = parseGuid(value);
  if (parsed === undefined) throw new InvalidArgumentError('It is not a GUID.');
  return parsed;
}

function collectTenants(
  value: string,
  before: readonly (TenantId | DomainName)[] = [],
): readonly (TenantId | DomainName)[] {
  const parsed = parseTenantId(value) ?? parseDomainName(value);
  if (parsed === undefined) throw new InvalidArgumentError('It is neither a GUID nor a domain.');
  return [...before, parsed];
}
