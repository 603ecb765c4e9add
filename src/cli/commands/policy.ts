import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Grant, grants } from '../../lib/core/secrets.ts';
import { type CallerKind, callerKinds, type CallerRole, callerRoles } from '../../lib/core/caller.ts';
import { defined } from '../../lib/core/objects.ts';
import type { ParsedPolicy } from '../../lib/access/policy/parse-policy.ts';
import type { AccessPolicy } from '../../lib/access/policy/policy.ts';
import {
  type DomainName,
  parseDomainName,
  parseGuid,
  parseTenantId,
  type TenantId,
} from '../../lib/core/identifiers.ts';
import { exitCodes } from '../exit-codes.ts';
import { readingOutcome, tokenOutcome } from '../policy/explained.ts';
import { requestOutcome } from '../policy/request-outcome.ts';
import { timeForms, timeOption } from '../options.ts';
import type { UseFlags } from '../policy/recorded-use.ts';
import type { SuggestFlags } from '../policy/used-rules.ts';
import { addConnectionOptions } from '../remote/connection.ts';
import { CommandOutcome } from '../run-program.ts';
import { interruptible } from '../sign-in/interruptible.ts';

const defaultFile = 'access-policy.json';
const defaultFiles = `${defaultFile}, else the file that ACCESS_POLICY names, in the demo its policy`;

interface TestOptions {
  readonly caller: string;
  readonly tenant: readonly (TenantId | DomainName)[];
  readonly tag?: readonly string[];
  readonly resource?: string;
  readonly request?: string;
  readonly body?: string;
  readonly read?: true;
  readonly object?: string;
  readonly kind: CallerKind;
  readonly blueprint?: string;
  readonly scope: readonly string[];
  readonly grant: Grant;
  readonly role?: readonly CallerRole[];
  readonly file?: string;
  readonly json?: true;
}

/** `ptb policy`: checks and explains the access policy without requesting a token. */
export function registerPolicy(program: Command): void {
  const policy = program.command('policy').description('Check and explain the access policy. Requests no token.');

  policy
    .command('check')
    .description('Check a whole policy. Exit 0: valid, 1: not valid (the broker would deny every request).')
    .argument('[file]', `policy file (default: ${defaultFiles})`)
    .option('--json', 'one JSON document')
    .action(async (given: string | undefined, { json }: { json?: true }, command: Command) => {
      const { file, ...parsed } = await readPolicy(given, command);
      const { policyWarnings } = await import('../../lib/access/policy/policy-warnings.ts');
      const warnings = parsed.ok ? policyWarnings(parsed) : [];
      print(
        json ? JSON.stringify(checkReport(file, parsed, warnings), undefined, 2) : checkText(file, parsed, warnings),
      );
      if (!parsed.ok) throw new CommandOutcome(exitCodes.failure);
    });

  registerTest(policy);
  registerUse(policy);

  policy
    .command('schema')
    .description('Print the JSON schema of the policy, for editors.')
    .action(async () => {
      const { policyJsonSchema } = await import('../../lib/access/policy/policy-document.ts');
      print(JSON.stringify(policyJsonSchema(), undefined, 2));
    });
}

/** Options of the commands that read what callers did. */
const addUseOptions = (command: Command, since: string): Command =>
  addConnectionOptions(
    command
      .option('--in-force <file>', `the policy in force (default: ${defaultFiles})`)
      .option('--since <time>', `start of the period: ${timeForms}`, timeOption, timeOption(since))
      .option('--audit <file>', 'a file of `ptb audit export` (default: exports from the broker)')
      .option('--key <file...>', 'public keys from Key Vault that must have signed the audit log'),
  );

interface InForceFlags extends UseFlags {
  readonly inForce?: string;
}

function registerUse(policy: Command): void {
  const replay = policy
    .command('replay')
    .description(
      'Decide on every recorded token and request by a new policy, and show what would change. Needs Audit.Read and Tenants.Read for all tenants. Exit 3: something would be refused.',
    )
    .argument('<file>', 'the new policy');
  addUseOptions(replay, '30d')
    .option('--json', 'one JSON document')
    .action(async (proposed: string, flags: InForceFlags) => {
      const { replayPolicy } = await import('../policy/replay-policy.ts');
      const inForce = flags.inForce ?? (await policyFile(replay));
      await interruptible<UseFlags>((given, signal) => replayPolicy({ inForce, proposed }, given, signal))(flags);
    });

  const suggest = policy
    .command('suggest')
    .description('Print a policy with the narrowest rules that would have allowed what was used, and why.')
    .option('--caller <id>', 'narrow the rules for this application alone', guid)
    .option('--output <file>', 'a new file for the policy (default: standard output)');
  addUseOptions(suggest, '90d').action(async (flags: InForceFlags & SuggestFlags) => {
    const { suggestPolicy } = await import('../policy/used-rules.ts');
    const file = flags.inForce ?? (await policyFile(suggest));
    await interruptible<SuggestFlags>((given, signal) => suggestPolicy(file, given, signal))(flags);
  });

  const unused = policy
    .command('unused')
    .description('Show rules, scopes, callers, tenants, resources and cmdlets of the policy that nobody used.');
  addUseOptions(unused, '90d')
    .option('--json', 'one JSON document')
    .action(async (flags: InForceFlags) => {
      const { unusedRules } = await import('../policy/used-rules.ts');
      const file = flags.inForce ?? (await policyFile(unused));
      await interruptible<UseFlags>((given, signal) => unusedRules(file, given, signal))(flags);
    });
}

function registerTest(policy: Command): void {
  policy
    .command('test')
    .description(
      'Explain the decision about a token (--resource), a request through the gateway (--request) or reading (--read), for a caller and a tenant. Exit 0: allowed, 1: denied, 3: only with an approval or in an emergency.',
    )
    .requiredOption('--caller <id>', 'application (client) id of the caller', guid)
    .requiredOption('--tenant <id-or-domain...>', 'the tenant: its id, its domains or both', collectTenants)
    .option('--tag <tag...>', 'the tags of the tenant (default: none)')
    .option('--resource <alias>', 'resource of the token, or of the request (default: graph)')
    .addOption(
      new Option('--request <request>', 'method and path, such as "GET /v1.0/users?$top=5"').conflicts([
        'read',
        'scope',
        'grant',
      ]),
    )
    .option('--body <json>', 'body of the request')
    .addOption(
      new Option('--read', 'explain whether the caller may read the data of the tenant').conflicts([
        'resource',
        'scope',
        'grant',
      ]),
    )
    .option('--object <id>', 'object id of the person or service principal', guid)
    .addOption(new Option('--kind <kind>', 'kind of the caller').choices(callerKinds).default('application'))
    .option('--blueprint <id>', 'blueprint of the agent, with --kind agent', guid)
    .option('--scope <name...>', 'scopes that the caller needs', [])
    .addOption(new Option('--grant <grant>', 'grant of the token').choices(grants).default('delegated'))
    .addOption(
      new Option(
        '--role <role...>',
        'app roles of the caller (default: Tokens.Request, or Requests.Send with --request)',
      ).choices(callerRoles),
    )
    .option('--file <file>', `policy file (default: ${defaultFiles})`)
    .option('--json', 'one JSON document')
    .action(testPolicy);
}

async function testPolicy(options: TestOptions, command: Command): Promise<void> {
  const { resource = 'graph', request, object, blueprint, kind } = options;
  if (blueprint !== undefined && kind !== 'agent') command.error('error: --blueprint needs --kind agent');
  const parsed = await readPolicy(options.file, command);
  if (!parsed.ok) {
    const reason = 'The policy is not valid, so every request is denied.';
    const report = { allowed: false, reason, problems: parsed.problems };
    print(options.json ? JSON.stringify(report, undefined, 2) : [reason, ...parsed.problems].join('\n  '));
    throw new CommandOutcome(exitCodes.failure);
  }
  const { explain, explainReading } = await import('../../lib/access/policy/explain.ts');
  const tenantIds = options.tenant.map(parseTenantId).filter((id) => id !== undefined);
  if (tenantIds.length > 1) command.error('error: --tenant takes one tenant id; further values are its domains');
  const caller = {
    applicationId: options.caller,
    roles: options.role ?? [request === undefined ? ('Tokens.Request' as const) : ('Requests.Send' as const)],
    kind,
    ...defined({ objectId: object, blueprint }),
  };
  const tenant = {
    tenantId: tenantIds[0],
    domains: options.tenant.map(parseDomainName).filter((domain) => domain !== undefined),
    tags: await tagFacts(options.tag, command),
  };
  const notes = notesOn(options, parsed.policy);
  const [result, report, text] =
    request !== undefined
      ? await requestOutcome(parsed.policy, { ...tenant, caller, request }, options, notes)
      : options.read
        ? readingOutcome(explainReading(parsed.policy, caller, tenant), notes)
        : tokenOutcome(
            explain(parsed.policy, caller, { ...tenant, resource, scopes: options.scope, grant: options.grant }),
            notes,
          );
  print(options.json ? JSON.stringify(report, undefined, 2) : text);
  if (result !== 'allowed') throw new CommandOutcome(result === 'denied' ? exitCodes.failure : exitCodes.partial);
}

/** What `tag:` entries may name of the tags on the command line. */
async function tagFacts(written: readonly string[] = [], command: Command): Promise<ReadonlySet<string>> {
  const { namesOfTags, readTags } = await import('../../lib/tenants/tags.ts');
  const read = readTags(written);
  if ('problems' in read) command.error(`error: --tag: ${read.problems.join(' ')}`);
  return namesOfTags(read.tags);
}

const notesOn = ({ tenant, tag }: TestOptions, { rules }: AccessPolicy): readonly string[] => [
  ...(tenant.some((named) => parseTenantId(named) !== undefined)
    ? []
    : ['Rules that name the tenant by its id cannot match. Add the id to --tenant.']),
  ...(tag === undefined && rules.some(({ tenants, reads }) => tenants.usesTags || reads?.usesTags === true)
    ? ['Rules name tags, and the tenant counts as having none. Add its tags with --tag.']
    : []),
];

/** @param given Undefined: the file of this folder, or else the one that the settings name. */
async function readPolicy(given: string | undefined, command: Command): Promise<ParsedPolicy & { file: string }> {
  const { parsePolicy } = await import('../../lib/access/policy/parse-policy.ts');
  const file = given ?? (await policyFile(command));
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    command.error(`error: ${file} cannot be read: ${error instanceof Error ? error.message : 'unknown error'}`);
  }
  return { file, ...parsePolicy(text) };
}

const policyFile = async (command: Command): Promise<string> =>
  existsSync(defaultFile) ? defaultFile : fileInSettings(command);

async function fileInSettings(command: Command): Promise<string> {
  const { readKnownSettings } = await import('../sign-in/target.ts');
  const { ACCESS_POLICY: location = '' } = { ...(await readKnownSettings({})), ...process.env };
  if (location !== '' && !location.startsWith('https://')) return location;
  command.error(
    `error: there is no ${defaultFile} here; name the policy file. That of a deployed broker is in its package or in a blob, and \`az storage blob download --auth-mode login --blob-url ${location || 'ADDRESS'} --file ${defaultFile}\` fetches it.`,
  );
}

function checkReport(file: string, parsed: ParsedPolicy, warnings: readonly string[]): unknown {
  return parsed.ok
    ? { file, valid: true, rules: parsed.policy.rules.map(({ name }) => name), warnings }
    : { file, valid: false, problems: parsed.problems };
}

function checkText(file: string, parsed: ParsedPolicy, warnings: readonly string[]): string {
  if (!parsed.ok)
    return [`${file} is not valid. The broker would deny every request:`, ...parsed.problems].join('\n  ');
  const count = parsed.policy.rules.length;
  const result =
    count === 0 ? 'has no rules, so every request is denied' : `is valid: ${count} ${count === 1 ? 'rule' : 'rules'}`;
  return [`${file} ${result}.`, ...warnings.map((warning) => `  Note: ${warning}`)].join('\n');
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
