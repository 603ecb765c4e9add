import type { RunsAnswer } from '../../lib/api/answers/runs.ts';
import type { TenantsAnswer } from '../../lib/api/answers/tenants.ts';
import { outcomeWord } from '../../lib/model/outcomes.ts';
import { relativeTime } from '../times.ts';
import type { BrokerClient } from './broker-client.ts';

/** A value that a shell offers, and what the shell says about it. */
export interface Suggestion {
  readonly value: string;
  readonly description: string;
}

/** Runs to choose from, newest first. */
const offeredRuns = '100';

/**
 * The script for bash expands every value, so that `$(…)` in one would be executed. Callers of the broker choose windows,
 * and customers their domains.
 */
const harmless = /^[A-Za-z0-9@:._-]+$/;

/** Shells print descriptions. */
const unusual = /[^\p{L}\p{M}\p{N} .,&+'()-]/gu;

const safe = (suggestions: readonly Suggestion[]): Suggestion[] =>
  suggestions.flatMap(({ value, description }) =>
    harmless.test(value) ? [{ value, description: description.replaceAll(unusual, ' ') }] : [],
  );

/** The customer tenants: their domain or id as a value, their name as its description. */
export async function tenantSuggestions(client: Pick<BrokerClient, 'glance'>): Promise<Suggestion[]> {
  const { tenants } = (await client.glance('/tenants')) as TenantsAnswer;
  return safe(
    tenants.map(({ tenantId, defaultDomain, name }) => ({ value: defaultDomain ?? tenantId, description: name })),
  );
}

/** The newest runs: their id as a value, their outcome and start as its description. */
export async function runSuggestions(client: Pick<BrokerClient, 'glance'>, nowMs: number): Promise<Suggestion[]> {
  const { runs } = (await client.glance('/runs', { limit: offeredRuns })) as RunsAnswer;
  return safe(
    runs.map(({ runId, outcome, startedAt }) => ({
      value: runId,
      description: `${outcomeWord(outcome)}, ${relativeTime(startedAt, nowMs)}`,
    })),
  );
}
