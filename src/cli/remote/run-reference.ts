import type { Command } from 'commander';
import type { PlansAnswer } from '../../lib/api/answers/plans.ts';
import type { RunsAnswer } from '../../lib/api/answers/runs.ts';
import { BrokerError } from '../../lib/core/errors.ts';
import { outcomeWord } from '../../lib/core/outcomes.ts';
import { visibleText } from '../../lib/core/text.ts';
import { planState } from '../plans/plan-lines.ts';
import { UsageError } from '../run-program.ts';
import { longTime } from '../times.ts';
import type { BrokerClient } from './broker-client.ts';

/** How a person names a run on the command line. */
interface RunReference {
  /** The id, or its beginning. */
  readonly start: string | undefined;
  /** The newest run whose id begins so. */
  readonly latest?: boolean | undefined;
}

type Reader = Pick<BrokerClient, 'get'>;

/** A run or a plan in a list. */
interface Listed {
  readonly id: string;
  /** What became of it. */
  readonly state: string;
  readonly at: string;
}

/** What is named by its id. */
interface Kind {
  readonly noun: string;
  /** The command that lists them. */
  readonly lists: string;
  /** The most that the broker lists: a beginning is compared with so many. */
  readonly most: string;
  /** The newest first. */
  readonly list: (client: Reader, limit: string) => Promise<readonly Listed[]>;
}

const runs: Kind = {
  noun: 'run',
  lists: 'ptb runs',
  most: '500',
  list: async (client, limit) =>
    ((await client.get('/runs', { limit })) as RunsAnswer).runs.map(({ runId, outcome, startedAt }) => ({
      id: runId,
      state: outcomeWord(outcome),
      at: startedAt,
    })),
};

const plans: Kind = {
  noun: 'plan',
  lists: 'ptb plans',
  most: '200',
  list: async (client, limit) =>
    ((await client.get('/plans', { limit })) as PlansAnswer).plans.map((plan) => ({
      id: plan.planId,
      state: planState(plan, Date.now()).text,
      at: plan.madeAt,
    })),
};

/** Runs or plans that an error lists. */
const listedAtMost = 5;

/** Adds the argument for a run, and the option that makes it unnecessary. */
export const addRunArgument = (command: Command): Command =>
  command
    .argument('[run-id]', 'id of the run, or a beginning of the id that no other run has')
    .option('--latest', 'the newest run, or the newest one whose id begins with the argument');

/** Adds the argument for a plan. */
export const addPlanArgument = (command: Command): Command =>
  command.argument('<plan-id>', 'id of the plan, or a beginning of the id that no other plan has');

/**
 * Does work with the run that a reference names. A complete id takes no further request: only if the broker does not know
 * it, the reference is taken as the beginning of an id.
 * @throws UsageError if the reference is empty, or names no run or several; whatever `work` throws.
 */
export const withRun = <T>(client: Reader, reference: RunReference, work: (runId: string) => Promise<T>): Promise<T> =>
  withNamed(runs, client, reference, work);

/** As {@link withRun}, with a plan. */
export const withPlan = <T>(client: Reader, start: string, work: (planId: string) => Promise<T>): Promise<T> =>
  withNamed(plans, client, { start }, work);

async function withNamed<T>(
  kind: Kind,
  client: Reader,
  { start, latest }: RunReference,
  work: (id: string) => Promise<T>,
): Promise<T> {
  const { noun, lists, most } = kind;
  // Every id begins with nothing: an unset variable of a script would name any run.
  if (start !== undefined && isEmpty(start))
    throw new UsageError(
      `"${start}" names no ${noun}. Give an id, or the beginning of one. \`${lists}\` lists the ${noun}s.`,
    );
  if (latest === true) return work(await newestRun(client, start));
  if (start === undefined)
    throw new UsageError(`Name the ${noun} by its id, or give --latest. \`${lists}\` lists the ${noun}s.`);
  try {
    return await work(start);
  } catch (thrown) {
    if (!(thrown instanceof BrokerError) || thrown.code !== 'run_not_found') throw thrown;
    const found = (await kind.list(client, most)).filter(({ id }) => id.startsWith(beginningOf(start)));
    const [only] = found;
    // One that the broker lists exists: the work did not find another one.
    if (only === undefined || found.some(({ id }) => id === start)) throw thrown;
    if (found.length > 1) throw new UsageError(ambiguity(kind, start, found));
    return work(only.id);
  }
}

/**
 * As much of an id as a person needs on a terminal: eight of the random characters of a run that somebody started. Commands
 * take that beginning.
 */
export const shownRunId = (runId: string): string =>
  process.stdout.isTTY ? runId.replace(/(@manual-[0-9a-f]{8})[0-9a-f-]{24,28}$/, '$1') : runId;

/** A table that was cut shows the beginning of an id and an ellipsis. */
const beginningOf = (start: string): string => start.replace(/…$/, '');

/** Dots alone are a step in the path of an address, and no id. */
const isEmpty = (start: string): boolean => /^[.\s]*$/.test(beginningOf(start));

async function newestRun(client: Reader, start = ''): Promise<string> {
  // The broker lists the newest run first.
  const listed = await runs.list(client, start === '' ? '1' : runs.most);
  const newest = listed.find(({ id }) => id.startsWith(beginningOf(start)));
  if (newest !== undefined) return newest.id;
  throw new UsageError(
    start === ''
      ? 'There is no run yet. Start one with `ptb run JOB`.'
      : `None of the last ${runs.most} runs has an id that begins with "${start}". \`ptb runs\` lists the runs.`,
  );
}

function ambiguity({ noun }: Kind, start: string, found: readonly Listed[]): string {
  const lines = found
    .slice(0, listedAtMost)
    .map(({ id, state, at }) => `\n  ${visibleText(id)}  ${state}, ${longTime(at)}`);
  const more = found.length > listedAtMost ? `\n  and ${found.length - listedAtMost} more` : '';
  const latest = noun === 'run' ? ', or --latest for the newest' : '';
  return `${found.length} ${noun}s have an id that begins with "${start}". Give more of it${latest}:${lines.join('')}${more}`;
}
