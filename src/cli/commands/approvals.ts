import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ApprovalAnswer, ApprovalsAnswer } from '../../lib/api/answers/approvals.ts';
import { approvalStatuses, type ApprovalStatus, type DecisionKind } from '../../lib/approvals/approval.ts';
import { reasonForm, reasonSchema } from '../../lib/core/caller.ts';
import { visibleText } from '../../lib/core/text.ts';
import { wholeNumberOption } from '../options.ts';
import { addConnectionOptions, connect, type ConnectionFlags } from '../remote/connection.ts';
import { print, say } from '../sign-in/output.ts';
import { table } from '../table.ts';
import { shortTime } from '../times.ts';

interface ListFlags extends ConnectionFlags {
  readonly status?: ApprovalStatus;
  readonly mine?: true;
  readonly limit: number;
  readonly json?: true;
}

interface DecisionFlags extends ConnectionFlags {
  readonly reason: string;
  readonly json?: true;
}

/** `ptb approvals`: requests that other people must approve first. */
export function registerApprovals(program: Command): void {
  const approvals = program.command('approvals').description('Show and decide on requests that need an approval.');
  const list = approvals
    .command('list', { isDefault: true })
    .description('List approvals, newest first: those that you may decide on, or what you asked for.')
    .addOption(new Option('--status <status>', 'only approvals with this status').choices(approvalStatuses))
    .option('--mine', 'only what you asked for')
    .option('--limit <n>', 'maximum number of approvals, 1 to 500', wholeNumberOption(1, 500), 50)
    .option('--json', 'one JSON document');
  addConnectionOptions(list).action(listApprovals);
  const show = approvals
    .command('show')
    .description('Show everything that is decided on, and the decisions so far.')
    .argument('<id>', 'id of the approval')
    .option('--json', 'one JSON document');
  addConnectionOptions(show).action(showApproval);
  registerDecision(approvals, 'approve', 'Approve a request of another caller. Read it first: `ptb approvals show`.');
  registerDecision(approvals, 'deny', 'End a request that waits for decisions.');
  registerDecision(approvals, 'revoke', 'End an approval, also one that is in use.');
}

function registerDecision(approvals: Command, decision: DecisionKind, description: string): void {
  const command = approvals
    .command(decision)
    .description(description)
    .argument('<id>', 'id of the approval')
    .requiredOption('--reason <text>', `why, ${reasonForm}`, readReason)
    .option('--json', 'one JSON document');
  addConnectionOptions(command).action((id: string, flags: DecisionFlags) => decide(id, decision, flags));
}

/** @throws InvalidArgumentError for a text of another length. */
export function readReason(text: string): string {
  const parsed = reasonSchema.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new InvalidArgumentError(`It must have ${reasonForm}, on one line.`);
}

async function listApprovals({ status, mine, limit, ...flags }: ListFlags): Promise<void> {
  const client = await connect(flags);
  const found: ApprovalsAnswer['approvals'][number][] = [];
  let continuation: string | undefined;
  do {
    const page = (await client.get('/approvals', {
      status,
      mine: mine ? 'true' : undefined,
      limit: String(limit - found.length),
      continuation,
    })) as ApprovalsAnswer;
    found.push(...page.approvals);
    ({ continuation } = page);
  } while (continuation !== undefined && found.length < limit);
  const rows = found.map((each) => [
    each.id,
    each.status,
    `${each.approvalsGiven}/${each.approvalsNeeded}`,
    shortTime(each.askedAt),
    each.asker.name,
    each.title,
  ]);
  // Further commands take the whole id.
  const id = { head: 'id', min: 24 };
  const given = { head: 'given', optional: true };
  const columns = [id, 'status', given, 'asked', { head: 'by', min: 4 }, { head: 'for', min: 24, wrap: true }];
  print(flags.json, { approvals: found }, table(columns, rows));
  if (continuation !== undefined) say('There may be more approvals. Raise --limit or choose a --status.');
}

async function showApproval(id: string, flags: ConnectionFlags & { readonly json?: true }): Promise<void> {
  const client = await connect(flags);
  const approval = (await client.get(`/approvals/${encodeURIComponent(id)}`)) as ApprovalAnswer;
  print(flags.json, approval, approvalLines(approval));
}

async function decide(id: string, decision: DecisionKind, { reason, ...flags }: DecisionFlags): Promise<void> {
  const client = await connect(flags);
  const path = `/approvals/${encodeURIComponent(id)}/decision`;
  const approval = (await client.post(path, { decision, reason })) as ApprovalAnswer;
  print(flags.json, approval, approvalLines(approval));
}

/** Shows an approval to a person. All texts are those of others: each is one line, and the lines of the body are indented. */
export function approvalLines(approval: ApprovalAnswer): readonly string[] {
  const { id, status, asker, reason, rule, facts, details, decisions, possibleDecisions } = approval;
  const given = `${approval.approvalsGiven} of ${approval.approvalsNeeded}`;
  return [
    `${id}  ${status}  ${given}  ${timesOf(approval)}`,
    `asked by  ${asker.name} (${asker.kind} ${asker.objectId}${asker.blueprint === undefined ? '' : `, blueprint ${asker.blueprint}`})`,
    ...(reason === undefined ? [] : [`reason  ${reason}`]),
    `rule  ${rule}`,
    ...facts.map(({ name, value }) => `${name}  ${value}`),
    ...details.flatMap(({ name, value }) => (name === 'Body' ? bodyLines(value) : [`${name}  ${value}`])),
    ...decisions.map(
      ({ at, decider, decision, reason: why }) => `${shortTime(at)}  ${decider.name}  ${decision}: ${why}`,
    ),
    ...(possibleDecisions.length === 0 ? [] : [`You may ${possibleDecisions.join(', ')}.`]),
  ].map(visibleText);
}

function timesOf({ validUntil, expiresAt, servedOnce, use }: ApprovalAnswer): string {
  if (use?.answered === true) return `sent ${shortTime(use.at)}`;
  if (use !== undefined) return `left ${shortTime(use.at)}; no answer is known, so it may have been done or not`;
  if (validUntil === undefined) return `expires ${shortTime(expiresAt)}`;
  return `${servedOnce ? 'once, ' : ''}until ${shortTime(validUntil)}`;
}

const bodyLines = (text: string): readonly string[] => ['Body', ...text.split('\n').map((line) => `    ${line}`)];
