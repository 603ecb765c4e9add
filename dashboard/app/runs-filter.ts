import { runOutcomes } from '../../src/lib/core/outcomes.ts';

/** Filter of the list of runs. It is part of the address, so that users can share what they see. */
export interface RunsFilter {
  readonly job?: string;
  readonly outcome?: string;
}

/** @param query query string without `?`. Unknown and empty parameters are ignored. */
export function parseRunsFilter(query: string): RunsFilter {
  const given = new URLSearchParams(query);
  const job = given.get('job') ?? '';
  const outcome = runOutcomes.find((known) => known === given.get('outcome'));
  return { ...(job === '' ? {} : { job }), ...(outcome === undefined ? {} : { outcome }) };
}

export function runsLink({ job = '', outcome = '' }: RunsFilter): string {
  const query = new URLSearchParams({ ...(job === '' ? {} : { job }), ...(outcome === '' ? {} : { outcome }) });
  return query.size === 0 ? '#/runs' : `#/runs?${query.toString()}`;
}
