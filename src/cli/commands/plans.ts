import { type Command, InvalidArgumentError } from 'commander';
import type { PendingApprovalAnswer } from '../../lib/api/answers/approvals.ts';
import type { JobsAnswer } from '../../lib/api/answers/jobs.ts';
import type { DecidedApplyAnswer, PlanAnswer, PlansAnswer } from '../../lib/api/answers/plans.ts';
import type { RunAnswer, StartedRunAnswer } from '../../lib/api/answers/runs.ts';
import { reasonForm } from '../../lib/core/caller.ts';
import { defined } from '../../lib/core/objects.ts';
import { exitCodeOf, exitCodes } from '../exit-codes.ts';
import { addParameterOptions, givenParameters, jobNamed, type ParameterFlags } from '../jobs/given-parameters.ts';
import type { Line } from '../line.ts';
import { wholeNumberOption } from '../options.ts';
import { type ChangeRow, changeLines, planLines, planState } from '../plans/plan-lines.ts';
import type { BrokerClient } from '../remote/broker-client.ts';
import { addConnectionOptions, connect, type ConnectionFlags } from '../remote/connection.ts';
import { exitByRun, followRun, runPath } from '../remote/follow-run.ts';
import { namedTenants, tenantForms } from '../remote/named-tenants.ts';
import { createProgress } from '../remote/progress.ts';
import { advice } from '../remote/report.ts';
import { addPlanArgument, shownRunId, withPlan } from '../remote/run-reference.ts';
import { readRunTenant, tenantLines } from '../remote/run-tenant.ts';
import { waitForApproval } from '../remote/wait-for-approval.ts';
import { CommandOutcome } from '../run-program.ts';
import { print, say } from '../sign-in/output.ts';
import { table } from '../table.ts';
import { shortTime } from '../times.ts';
import { readReason } from './approvals.ts';

interface PlansFlags extends ConnectionFlags {
  readonly json?: true;
}

interface WaitFlags extends PlansFlags {
  readonly wait?: true;
}

const untilItWaits = 'wait for the end, or until it waits for a person, and show progress on standard error';

/** `ptb plan JOB`, `ptb apply PLAN` and `ptb plans`: changes over many tenants. */
export function registerPlans(program: Command): void {
  const json = (command: Command): Command => addConnectionOptions(command.option('--json', 'one JSON document'));
  const make = program
    .command('plan')
    .argument('<job>', 'name of a job that changes tenants')
    .description(
      'Plan changes: read tenants, and show what a job would change there. Nothing is changed. The exit codes are those of `ptb run`.',
    )
    .option('--tenant <tenant...>', `only these tenants: ${tenantForms}`)
    .option('--except <tenant...>', 'without these tenants')
    .option('--wait', 'wait for the end, and show the changes');
  json(addParameterOptions(make)).action(makePlan);
  const plans = program.command('plans').description('Show plans, and control how they are applied.');
  json(plans.command('list', { isDefault: true }).description('List the latest plans, and what became of them.'))
    .option('--limit <n>', 'maximum number of plans, 1 to 200', wholeNumberOption(1, 200), 20)
    .action(list);
  json(
    addPlanArgument(plans.command('show'))
      .description('Show what a plan changes, those that cannot be undone first, and what became of it.')
      .option('--tenant <tenant>', 'show each change in this tenant: its name, a domain or its id')
      .option('--wait', untilItWaits),
  ).action(show);
  json(
    addPlanArgument(plans.command('go-on'))
      .description('Let an apply go on that is held, or that waits after a wave.')
      .option('--reason <text>', `why, which the plan shows from then on: ${reasonForm}`, readReason)
      .option('--wait', untilItWaits),
  ).action(goOn);
  json(
    addPlanArgument(plans.command('end')).description(
      'End an apply. Nothing more is sent; what was sent is read a last time.',
    ),
  ).action(end);
  json(
    addPlanArgument(plans.command('undo'))
      .description('Plan to take back what an apply changed. The new plan is applied like any other.')
      .option('--wait', 'wait for the end, and show the changes'),
  ).action(undo);
  const apply = addPlanArgument(program.command('apply'))
    .description(
      'Make the changes of a plan, once, in waves of tenants. With --wait, exit 0: all was applied; 1: it was held or ended, or all failed; 3: some tenants failed or are unclear, or it waits for a person.',
    )
    .option('--waves <wave...>', `the waves, in their order: shares such as 10%, or ${tenantForms}; default: 10% 100%`)
    .option('--stop <limits>', 'hold it when more tenants end so; default: failed=3,unclear=1', stopOf)
    .option(
      '--pause <minutes>',
      'how long to leave a wave alone before it is read again; default: 60',
      wholeNumberOption(0, 7_200),
    )
    .option('--no-confirm', 'go on after each wave without a person')
    .option('--reason <text>', `why, for those who approve it: ${reasonForm}`, readReason)
    .option('--ask-again', 'ask for a new approval if the last one has ended')
    .option('--wait', `wait for an approval, then ${untilItWaits.slice('wait for '.length)}`);
  json(apply).action(applyPlan);
}

type Stop = Readonly<Record<string, number>>;

/** Reads `failed=3,unclear=1`. */
function stopOf(text: string, before: Stop = {}): Stop {
  const limits = text.split(',').map((limit): [string, number] => {
    const [, name = '', number = ''] = /^(failed|unclear)=(\d{1,6})$/.exec(limit.trim()) ?? [];
    if (name === '') throw new InvalidArgumentError('It must have the form failed=3,unclear=1.');
    return [name, Number(number)];
  });
  return { ...before, ...Object.fromEntries(limits) };
}

const planPath = (planId: string): string => `/plans/${encodeURIComponent(planId)}`;
const readPlan = async (client: BrokerClient, planId: string): Promise<PlanAnswer> =>
  (await client.get(planPath(planId))) as PlanAnswer;
const progress = () => createProgress(process.stderr, Date.now, { failures: true });

interface PlanFlags extends WaitFlags, ParameterFlags {
  readonly tenant?: readonly string[];
  readonly except?: readonly string[];
}

async function makePlan(job: string, { tenant, except, ...flags }: PlanFlags): Promise<void> {
  const client = await connect(flags);
  const parameters = await givenParameters(flags, async () => jobNamed((await client.get('/jobs')) as JobsAnswer, job));
  const tenants = await namedTenants(client, tenant);
  const body = { tenants, except: await namedTenants(client, except), parameters };
  const started = (await client.start(`/jobs/${encodeURIComponent(job)}/plans`, body)) as StartedRunAnswer;
  await startedPlan(client, started, flags);
}

/** Says what was started, or waits for it and shows it. */
async function startedPlan(client: BrokerClient, started: StartedRunAnswer, flags: WaitFlags): Promise<void> {
  if (flags.wait) return followPlan(client, started.runId, flags);
  print(flags.json, started, [
    `Started the plan ${started.runId}.`,
    `See it with: ptb plans show ${started.runId} --wait`,
  ]);
}

async function followPlan(client: BrokerClient, planId: string, flags: WaitFlags): Promise<void> {
  const run = await followRun(client, planId, progress());
  const plan = await readPlan(client, planId);
  print(flags.json, plan, [...planLines(plan), ...adviceFor(run)]);
  exitByRun(run);
}

const adviceFor = (run: RunAnswer): Line[] => (run.failures.length === 0 ? [] : ['', ...advice([run])]);

async function list(flags: PlansFlags & { readonly limit: number }): Promise<void> {
  const answer = (await (await connect(flags)).get('/plans', { limit: String(flags.limit) })) as PlansAnswer;
  const nowMs = Date.now();
  const rows = answer.plans.map((plan) => [
    shownRunId(plan.planId),
    planState(plan, nowMs),
    String(plan.tenants.total),
    shortTime(plan.madeAt),
    plan.madeBy,
  ]);
  const by = { head: 'by', optional: true };
  const columns = [{ head: 'plan', min: 44 }, { head: 'state', min: 14 }, 'tenants', { head: 'made', min: 11 }, by];
  const lines = rows.length === 0 ? ['There is no plan yet. `ptb plan JOB` makes one.'] : table(columns, rows);
  print(flags.json, answer, lines);
}

async function show(start: string, { tenant, ...flags }: WaitFlags & { readonly tenant?: string }): Promise<void> {
  const client = await connect(flags);
  const plan = await withPlan(client, start, (planId) => readPlan(client, planId));
  if (tenant !== undefined) return showTenant(client, plan, tenant, flags);
  if (flags.wait)
    return plan.apply === undefined
      ? followPlan(client, plan.planId, flags)
      : followApply(client, plan.planId, plan.apply.runId, flags);
  const ofRun = plan.apply ?? { runId: plan.planId, tenants: plan.tenants };
  // The plan itself does not say why tenants failed.
  const why =
    flags.json || ofRun.tenants.failed === 0 ? [] : adviceFor((await client.get(runPath(ofRun.runId))) as RunAnswer);
  print(flags.json, plan, [...planLines(plan), ...why]);
}

/** Shows the changes in one tenant: as planned, and once the apply has begun there, with their outcomes. */
async function showTenant(client: BrokerClient, plan: PlanAnswer, reference: string, flags: PlansFlags): Promise<void> {
  const tenant = await readRunTenant(client, plan.planId, reference);
  const rowsOf = async (runId: string): Promise<ChangeRow[]> => {
    const pages = client.pages(`${runPath(runId)}/results`, { format: 'jsonl', tenants: tenant.tenantId });
    const texts = await Array.fromAsync(pages);
    return texts.flatMap((page) =>
      page.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as ChangeRow])),
    );
  };
  const applied = plan.apply === undefined ? [] : await rowsOf(plan.apply.runId);
  const changes = applied.length > 0 ? applied : await rowsOf(plan.planId);
  const lines = tenant.outcome === 'succeeded' ? ['', ...changeLines(changes)] : [];
  print(flags.json, { planId: plan.planId, tenant, changes }, [...tenantLines(tenant), ...lines]);
}

interface ApplyFlags extends WaitFlags {
  readonly waves?: readonly string[];
  readonly stop?: Stop;
  readonly pause?: number;
  readonly confirm: boolean;
  readonly reason?: string;
  readonly askAgain?: true;
}

async function applyPlan(start: string, flags: ApplyFlags): Promise<void> {
  const client = await connect(flags);
  const { stop, pause, reason, askAgain } = flags;
  const waves = flags.waves && (await wavesOf(client, flags.waves));
  const confirmWaves = flags.confirm ? undefined : false;
  const body = { waves, stop, pauseMinutes: pause, confirmWaves, reason, askAgain };
  const { planId, runId } = await withPlan(client, start, async (planId) => ({
    planId,
    runId: await applied(client, planId, body, flags.wait === true),
  }));
  if (flags.wait) return followApply(client, planId, runId, flags);
  print(flags.json, { planId, runId }, [
    `Started ${runId}.`,
    `Follow it with: ptb plans show ${planId} --wait`,
    `Stop it with:   ptb plans end ${planId}`,
  ]);
}

/** Applies a plan, once the people have approved it who must. @returns the id of the run. */
async function applied(client: BrokerClient, planId: string, body: object, waits: boolean): Promise<string> {
  for (;;) {
    const answer = (await client.post(`${planPath(planId)}/apply`, body)) as StartedRunAnswer | PendingApprovalAnswer;
    if (!('approvalId' in answer)) return answer.runId;
    await waitForApproval(client, answer.approvalId, waits);
  }
}

/** Shares stay; everything else names tenants. */
async function wavesOf(client: BrokerClient, waves: readonly string[]): Promise<readonly string[]> {
  const named: string[] = [];
  for (const wave of waves) named.push(...(/^\d+%$/.test(wave) ? [wave] : await namedTenants(client, [wave])));
  return named;
}

const pauseNote =
  'No tenant has finished for 45 seconds. An apply reads its changes until they show, and pauses between waves (--pause).';
/** A look at a plan reads its rows, so looks take at most this part of the time. */
const lookingShare = 0.1;

/** Follows an apply until it ends or waits for a person. @throws CommandOutcome if it waits, or did not apply everything. */
async function followApply(client: BrokerClient, planId: string, runId: string, flags: WaitFlags): Promise<void> {
  let nextLookMs = 0;
  const waits = async (): Promise<boolean> => {
    const startedMs = Date.now();
    if (startedMs < nextLookMs) return false;
    const { apply } = await readPlan(client, planId);
    nextLookMs = Date.now() + (Date.now() - startedMs) / lookingShare;
    return apply?.waits === true;
  };
  const run = await followRun(client, runId, progress(), { waits, note: pauseNote });
  const plan = await readPlan(client, planId);
  print(flags.json, plan, [...planLines(plan), ...adviceFor(run)]);
  if (plan.apply?.hold !== undefined) throw new CommandOutcome(exitCodeOf(plan.apply.hold.code));
  if (plan.apply?.waits === true) throw new CommandOutcome(exitCodes.partial);
  exitByRun(run);
}

async function goOn(start: string, flags: WaitFlags & { readonly reason?: string }): Promise<void> {
  const client = await connect(flags);
  const answer = await withPlan(client, start, async (planId) => {
    const { apply } = await readPlan(client, planId);
    if (apply?.hold !== undefined) say(`Held: ${apply.hold.detail}`);
    // Repeated after a lost answer, it releases nothing that came later.
    const body = defined({ waitsFor: apply?.waitsFor, reason: flags.reason });
    return (await client.post(`${planPath(planId)}/go-on`, body)) as DecidedApplyAnswer;
  });
  if (flags.wait) return followApply(client, answer.planId, answer.runId, flags);
  print(flags.json, answer, ['It goes on.', `Follow it with: ptb plans show ${answer.planId} --wait`]);
}

async function end(start: string, flags: PlansFlags): Promise<void> {
  const client = await connect(flags);
  const answer = await withPlan(
    client,
    start,
    async (planId) => (await client.post(`${planPath(planId)}/end`, {})) as DecidedApplyAnswer,
  );
  print(flags.json, answer, ['It ends: nothing more is sent.', `See what was done: ptb plans show ${answer.planId}`]);
}

async function undo(start: string, flags: WaitFlags): Promise<void> {
  const client = await connect(flags);
  const { planId, started } = await withPlan(client, start, async (planId) => ({
    planId,
    started: (await client.start(`${planPath(planId)}/undo`, {})) as StartedRunAnswer,
  }));
  if (flags.wait) say(`Started the plan ${started.runId}, which takes ${planId} back.`);
  await startedPlan(client, started, flags);
}
