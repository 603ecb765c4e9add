import type { HistoryRun } from '../history/result-history.ts';
import type { ParameterValues } from '../../core/parameters.ts';
import type { Job } from '../job/job.ts';
import { readParameters } from '../job/job-parameters.ts';

/**
 * The runs that had the same parameters as the newest scheduled run, or without one as the newest run. Other parameters may
 * mean other rows: a report about 60 days is no peak in those about 30. Parameters that the job got later have their defaults.
 * @param runs newest first.
 */
export function comparableRuns(
  job: Job | undefined,
  runs: readonly HistoryRun[],
): { readonly comparable: readonly HistoryRun[]; readonly parameters: ParameterValues | undefined } {
  const usual = runs.find(({ isScheduled }) => isScheduled) ?? runs[0];
  const text = textOf(job, usual?.parameters);
  return {
    comparable: runs.filter(({ parameters }) => textOf(job, parameters) === text),
    parameters: usual?.parameters,
  };
}

function textOf(job: Job | undefined, parameters: ParameterValues = {}): string {
  try {
    return JSON.stringify(job === undefined ? parameters : readParameters(job, parameters));
  } catch {
    // An earlier version of the job accepted them.
    return JSON.stringify(parameters);
  }
}
