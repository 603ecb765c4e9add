import type { Command } from 'commander';
import type { RunsAnswer, RunSummaryAnswer } from '../../lib/api/answers/runs.ts';
import { BrokerError } from '../../lib/core/errors.ts';
import { outcomeWord } from '../../lib/core/outcomes.ts';
import { visibleText } from '../../lib/core/text.ts';
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

/** Number of runs that a beginning is compared with: the most that the broker lists. */
const searchedRuns = '500';

/** Runs that an error lists. */
const listedRuns = 5;

/** Adds the argument for a run, and the option that makes it unnecessary. */
export const addRunArgument = (command: Command): Command =>
  command
    .argument('[run-id]', 'id of the run, or a beginning of the id that no other run has')
    .option('--latest', 'the newest run, or the newest one whose id begins with the argument');

/**
 * Does work with the run that a reference names. A complete id takes no further request: only if the broker does not know
 * it, the reference is taken as the beginning of an id.
 * @throws UsageError if the reference is empty, or names no run or several; whatever `work` throws.
 */
export async function withRun<T>(
  client: Pick<BrokerClient, 'get'>,
  { start, latest }: RunReference,
  work: (runId: string) => Promise<T>,
): Promise<T> {
  // Every id begins with nothing: an unset variable of a script would name any run.
  if (start !== undefined && isEmpty(start))
    throw new UsageError(`"${start}" names no run. Give an id, or the beginning of one. \`ptb runs\` lists the runs.`);
  if (latest === true) return work(await newestRun(client, start));
  if (start === undefined) throw new UsageError('Name the run by its id, or give --latest. `ptb runs` lists the runs.');
  try {
    return await work(start);
  } catch (thrown) {
    if (!(thrown instanceof BrokerError) || thrown.code !== 'run_not_found') throw thrown;
    const found = (await listRuns(client)).filter(({ runId }) => runId.startsWith(beginningOf(start)));
    const [only] = found;
    // A run that the broker lists exists: the work did not find another one.
    if (only === undefined || found.some(({ runId }) => runId === start)) throw thrown;
    if (found.length > 1) throw new UsageError(ambiguity(start, found));
    return work(only.runId);
  }
}

/** A table that was cut shows the beginning of an id and an ellipsis. */
const beginningOf = (start: string): string => start.replace(/…$/, '');

/** Dots alone are a step in the path of an address, and no id. */
const isEmpty = (start: string): boolean => /^[.\s]*$/.test(beginningOf(start));

async function newestRun(client: Pick<BrokerClient, 'get'>, start = ''): Promise<string> {
  // The broker lists the newest run first.
  const runs = await listRuns(client, start === '' ? '1' : searchedRuns);
  const newest = runs.find(({ runId }) => runId.startsWith(beginningOf(start)));
  if (newest !== undefined) return newest.runId;
  throw new UsageError(
    start === ''
      ? 'There is no run yet. Start one with `ptb run JOB`.'
      : `None of the last ${searchedRuns} runs has an id that begins with "${start}". \`ptb runs\` lists the runs.`,
  );
}

const listRuns = async (client: Pick<BrokerClient, 'get'>, limit = searchedRuns): Promise<RunsAnswer['runs']> =>
  ((await client.get('/runs', { limit })) as RunsAnswer).runs;

function ambiguity(start: string, found: readonly RunSummaryAnswer[]): string {
  const lines = found
    .slice(0, listedRuns)
    .map(
      ({ runId, outcome, startedAt }) => `\n  ${visibleText(runId)}  ${outcomeWord(outcome)}, ${longTime(startedAt)}`,
    );
  const more = found.length > listedRuns ? `\n  and ${found.length - listedRuns} more` : '';
  return `${found.length} runs have an id that begins with "${start}". Give more of it, or --latest for the newest:${lines.join('')}${more}`;
}
