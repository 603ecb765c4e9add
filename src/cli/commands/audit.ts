import { hash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
// By its own name, a version of Node.js without it would end with a SyntaxError, before the message that names the version.
import nodeModule from 'node:module';
import { dirname, join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type AuditKind, auditKinds, type AuditOutcome, auditOutcomes } from '../../lib/audit/audit-log.ts';
import { type ErrorCode, errorCodes, isErrorCode } from '../../lib/core/errors.ts';
import { didYouMean } from '../../lib/core/text.ts';
import type { AuditAnswer } from '../../lib/api/answers/audit.ts';
import type { TenantsAnswer } from '../../lib/api/answers/tenants.ts';
import { nilUuid } from '../../lib/core/identifiers.ts';
import type { ExtractContent } from '../audit/write-extract.ts';
import { exitCodes } from '../exit-codes.ts';
import { type Piece, styled } from '../line.ts';
import { timeForms, timeOption, wholeNumberOption } from '../options.ts';
import type { BrokerClient } from '../remote/broker-client.ts';
import { addConnectionOptions, connect, type ConnectionFlags } from '../remote/connection.ts';
import { withTenant } from '../remote/named-tenants.ts';
import { CommandOutcome } from '../run-program.ts';
import { print, say } from '../sign-in/output.ts';
import { table } from '../table.ts';
import { exactTime } from '../times.ts';

interface AuditFlags extends ConnectionFlags {
  readonly from?: string;
  readonly to?: string;
  readonly caller?: string;
  readonly tenant?: string;
  readonly outcome?: AuditOutcome | ErrorCode;
  readonly kind?: AuditKind;
  readonly approval?: string;
  readonly breakGlass?: true;
  readonly limit: number;
  readonly json?: true;
}

/** `ptb audit`: the audit log of a running broker. */
export function registerAudit(program: Command): void {
  const audit = program
    .command('audit')
    .description('Show issued tokens, requests through the gateway, changes of tags and what was denied, newest first.')
    .option('--from <time>', `start of the period: ${timeForms} (default: 24 hours before --to)`, timeOption)
    .option('--to <time>', `end of the period: ${timeForms} (default: now)`, timeOption)
    .option('--caller <id>', 'application id of the caller')
    .option('--tenant <tenant>', 'only this tenant: its name, a domain or its id')
    .option(
      '--outcome <outcome>',
      `only entries with this outcome (${auditOutcomes.join(', ')}) or error code`,
      outcomeOption,
    )
    .addOption(
      new Option(
        '--kind <kind>',
        'only tokens, requests through the gateway, steps of approvals, or changes of tags',
      ).choices(auditKinds),
    )
    .option('--approval <id>', 'only one approval: its steps, and what was served under it')
    .option('--break-glass', 'only what rules for emergencies served')
    .option('--limit <n>', 'maximum number of entries, 1 to 10000', wholeNumberOption(1, 10_000), 100)
    .option('--json', 'one JSON document');
  addConnectionOptions(audit).action(showAudit);
  registerExport(audit);
  registerExtract(audit);
  registerVerify(audit);
  registerVerifyPage(audit);
}

interface ExportFlags extends ConnectionFlags {
  readonly from?: string;
  readonly to?: string;
  readonly output: string;
}

function registerExport(audit: Command): void {
  const command = audit
    .command('export')
    .description(
      'Write the stored records, the signed checkpoints and the public keys to a file, for `ptb audit verify`.',
    )
    .option('--from <time>', `start of the period: ${timeForms} (default: the oldest record)`, timeOption)
    .option('--to <time>', `end of the period: ${timeForms} (default: now)`, timeOption)
    .requiredOption('--output <file>', 'a new file');
  addConnectionOptions(command).action(async () => {
    // The parent command has options of the same names and takes them.
    const { output, ...flags } = command.optsWithGlobals<ExportFlags>();
    const { exportAudit } = await import('../audit/export-audit.ts');
    const { records, checkpoints } = await exportAudit(await connect(flags), output, flags);
    say(`${records} records and ${checkpoints} checkpoints are in ${output}.`);
  });
}

interface ExtractFlags extends ConnectionFlags, Omit<ExtractContent, 'until'> {
  readonly tenant: string;
  readonly until?: string;
  readonly out: string;
}

function registerExtract(audit: Command): void {
  const command = audit
    .command('extract')
    .description(
      'Write all records of one tenant to a file, with the proof that they are complete. `ptb audit verify` checks it.',
    )
    .requiredOption('--tenant <tenant>', 'its name, a domain or its id; or group:NAME, tag:NAME or * for several')
    .requiredOption('--since <time>', `start of the period: ${timeForms}`, timeOption)
    .option('--until <time>', `end of the period: ${timeForms} (default: now)`, timeOption)
    .option('--withhold-before <time>', `show records before this time as hashes only: ${timeForms}`, timeOption)
    .option('--withhold <text...>', 'show records with this id or user principal name as hashes only')
    .requiredOption('--out <file>', 'a new file; for several tenants a folder, which gets a file for each');
  addConnectionOptions(command).action(async () => {
    // The parent command has options of the same names and takes them.
    const flags = command.optsWithGlobals<ExtractFlags>();
    const { out, tenant, until = new Date().toISOString() } = flags;
    const { writeExtract, writeExtracts } = await import('../audit/write-extract.ts');
    const client = await connect(flags);
    const content = { ...flags, until };
    if (/^(?:group:|tag:|\*$)/.test(tenant)) {
      const { written, present, failed } = await writeExtracts(client, out, tenant, content);
      say(`${written} extracts were written to ${out}, ${present} were there already, ${failed} failed.`);
      if (failed > 0) throw new CommandOutcome(written + present > 0 ? exitCodes.partial : exitCodes.failure);
      return;
    }
    const counts = await withTenant(client, tenant, (id) => writeExtract(client, out, { ...content, tenant: id }));
    say(
      `${counts.records} records with their proof, and ${counts.unsigned} that no checkpoint covers yet, are in ${out}.`,
    );
  });
}

function registerVerify(audit: Command): void {
  const command = audit
    .command('verify [file]')
    .description(
      'Check an export, or an extract of one tenant, without any connection: names records that were changed, removed, reordered, truncated or inserted. Without a file: exports from the broker first.',
    )
    .option('--from <time>', `start of the period: ${timeForms} (default: that of the export)`, timeOption)
    .option('--to <time>', `end of the period: ${timeForms} (default: that of the export)`, timeOption)
    .option('--key <file...>', 'public keys from Key Vault that must have signed: JWK, or `az keyvault key show`')
    .option('--heads <file...>', 'of an extract: published heads, as GET /api/audit/heads answers. They must agree')
    .option('--tenant <id>', 'of an extract: the id of the tenant that it must be about')
    .option(
      '--sign-ins <file...>',
      'downloads of the customer’s sign-in log, JSON or CSV, that the records of an extract are compared with',
    )
    .addOption(
      new Option(
        '--empty-log <kind...>',
        'sign-ins of which this log has none in the time of the extract: an empty download tells neither its kind nor its time',
      ).choices(['users', 'service-principals']),
    )
    .option('--json', 'one JSON document');
  addConnectionOptions(command).action(async (file: string | undefined) => {
    const { verifyAudit } = await import('../audit/verify-audit.ts');
    await verifyAudit(file, command.optsWithGlobals());
  });
}

function registerVerifyPage(audit: Command): void {
  const command = audit
    .command('verify-page')
    .description(
      'Write the page with which a customer checks an extract in a browser, without network: publish it, or send it with the extract.',
    )
    .requiredOption('--out <file>', 'such as verify.html; a file of this name is replaced');
  command.action(async () => {
    const { out } = command.opts<{ out: string }>();
    const page = await readFile(join(dirname(nodeModule.findPackageJSON(import.meta.url) ?? ''), 'build/verify.html'));
    await writeFile(out, page);
    say(`Written to ${out}. SHA-256 ${hash('sha256', page)}: the same for everybody who has this version.`);
  });
}

/** @throws InvalidArgumentError for neither an outcome nor an error code. */
function outcomeOption(text: string): AuditOutcome | ErrorCode {
  if (isErrorCode(text)) return text;
  const known = auditOutcomes.find((outcome) => outcome === text);
  if (known !== undefined) return known;
  const question = didYouMean(text, [...auditOutcomes, ...errorCodes]);
  throw new InvalidArgumentError(`It must be ${auditOutcomes.join(', ')} or an error code${question || '.'}`);
}

async function showAudit(flags: AuditFlags): Promise<void> {
  const client = await connect(flags);
  const read = (tenant?: string): Promise<AuditAnswer> => readAudit(client, { ...flags, tenant });
  const { continuation, ...answer } = await (flags.tenant === undefined
    ? read()
    : withTenant(client, flags.tenant, read));
  // A program gets ids in JSON, and a person the names that the broker knows at once.
  const names = flags.json || answer.entries.length === 0 ? new Map<string, string>() : await tenantNames(client);
  const rows = answer.entries.map((entry) => [
    exactTime(entry.at),
    outcomeOf(entry),
    callerOf(entry),
    names.get(entry.tenantId ?? '') ?? entry.tenantId ?? entry.tenantAsked ?? '',
    subjectOf(entry),
    entry.rule ?? '',
  ]);
  const columns = [
    { head: 'time', min: 16 },
    { head: 'outcome', min: 16 },
    { head: 'caller', min: 9 },
    { head: 'tenant', min: 14 },
    { head: 'resource', min: 16, wrap: true },
    { head: 'rule', optional: true },
  ];
  print(flags.json, answer, table(columns, rows));
  if (continuation !== undefined) say('There may be more entries. Raise --limit or narrow the period.');
}

async function tenantNames(client: BrokerClient): Promise<ReadonlyMap<string, string>> {
  const answer = (await client.glance('/tenants').catch(() => ({}))) as Partial<TenantsAnswer>;
  return new Map(answer.tenants?.map(({ tenantId, name }) => [tenantId, name]));
}

type AuditFilter = Pick<
  AuditFlags,
  'from' | 'to' | 'caller' | 'outcome' | 'kind' | 'approval' | 'breakGlass' | 'limit'
> & {
  readonly tenant: string | undefined;
};

/** Reads pages up to the limit. The answer has a continuation if there may be more. */
async function readAudit(
  client: BrokerClient,
  { from, to, limit, breakGlass, ...filter }: AuditFilter,
): Promise<AuditAnswer> {
  const { caller, tenant, outcome, kind, approval } = filter;
  // The broker filters by outcome alone.
  const code = isErrorCode(outcome) ? outcome : undefined;
  const entries: Entry[] = [];
  let page: AuditAnswer | undefined;
  do {
    const remaining = String(code === undefined ? Math.min(1_000, limit - entries.length) : 1_000);
    // All pages must cover the same period, and "now" moves on.
    const period = page === undefined ? { from, to } : { from: page.from, to: page.to };
    page = (await client.get('/audit', {
      ...period,
      caller,
      tenant,
      outcome: code === undefined ? outcome : undefined,
      kind,
      approval,
      breakGlass: breakGlass ? 'true' : undefined,
      limit: remaining,
      continuation: page?.continuation,
    })) as AuditAnswer;
    entries.push(...page.entries.filter((entry) => code === undefined || entry.code === code));
  } while (page.continuation !== undefined && entries.length < limit);
  return { ...page, entries: entries.slice(0, limit) };
}

type Entry = AuditAnswer['entries'][number];

/** The caller by its id. A job of the broker has none; its rule names it. */
const callerOf = ({ caller: { kind, applicationId, actsFor }, rule = '' }: Entry): string =>
  applicationId === nilUuid && rule.startsWith('job:')
    ? rule.slice('job:'.length)
    : `${kind === 'agent' ? 'agent ' : ''}${applicationId}${actsFor === undefined ? '' : ` for ${actsFor}`}`;

/** A refusal and a failure by its code, an answer of a resource with its status. */
function outcomeOf({ outcome, code, status, breakGlass }: Entry): Piece {
  const text = (breakGlass ? 'EMERGENCY ' : '') + (code ?? (status === undefined ? outcome : `${outcome} ${status}`));
  const isBad = code !== undefined || outcome === 'denied' || outcome === 'failed' || (status ?? 0) >= 400;
  return isBad ? styled('bad', text) : breakGlass ? styled('warn', text) : text;
}

/** The resource of a token, or the request to it, the step of an approval, the tags that a tenant got and lost, or a tool. */
const subjectOf = (entry: Entry): string =>
  [
    entry.kind === 'approval' ? `approval ${entry.approvalId}:` : undefined,
    entry.tool === undefined ? undefined : `tool ${entry.tool}`,
    entry.client === undefined ? undefined : `by ${entry.client}`,
    entry.resource ?? entry.route,
    entry.method,
    entry.cmdlet ?? entry.path,
    ...(entry.tagsAdded ?? []).map((tag) => `+${tag}`),
    ...(entry.tagsRemoved ?? []).map((tag) => `-${tag}`),
  ]
    .filter((part) => part !== undefined)
    .join(' ');
