import type { JobsAnswer } from '../../lib/api/answers/jobs.ts';
import type { PlansAnswer } from '../../lib/api/answers/plans.ts';
import type { RunsAnswer } from '../../lib/api/answers/runs.ts';
import type { TenantsAnswer } from '../../lib/api/answers/tenants.ts';
import { namesOfTags } from '../../lib/tenants/tags.ts';
import { outcomeWord } from '../../lib/core/outcomes.ts';
import { type ParameterField, parameterFields, parameterWords } from '../../lib/core/parameters.ts';
import { counted } from '../counted.ts';
import { planState } from '../plans/plan-lines.ts';
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
const harmless = /^[A-Za-z0-9@:._=-]+$/;

/** Shells print descriptions. */
const unusual = /[^\p{L}\p{M}\p{N} .,&+'()-]/gu;

const safe = (suggestions: readonly Suggestion[]): Suggestion[] =>
  suggestions.flatMap(({ value, description }) =>
    harmless.test(value) ? [{ value, description: description.replaceAll(unusual, ' ') }] : [],
  );

/**
 * The customer tenants: their domain or id as a value, their name as its description.
 * @param withMarks for options that also take `group:NAME` and `tag:NAME`.
 */
export async function tenantSuggestions(
  client: Pick<BrokerClient, 'glance'>,
  withMarks = false,
): Promise<Suggestion[]> {
  const { tenants, groups = [] } = (await client.glance('/tenants')) as Partial<TenantsAnswer>;
  const marks = withMarks ? [...groupSuggestions(groups, tenants), ...tagSuggestions(tenants)] : [];
  return safe([
    ...(tenants ?? []).map(({ tenantId, defaultDomain, name }) => ({
      value: defaultDomain ?? tenantId,
      description: name,
    })),
    ...marks,
  ]);
}

type Tenants = TenantsAnswer['tenants'] | undefined;

const groupSuggestions = (names: readonly string[], tenants: Tenants = []): Suggestion[] =>
  names.map((name) => ({
    value: `group:${name}`,
    description: counted(tenants.filter(({ groups }) => groups?.includes(name)).length, 'tenant'),
  }));

/** Each tag as it is, and its name alone if it has a value. */
function tagSuggestions(tenants: Tenants = []): Suggestion[] {
  const counts = new Map<string, number>();
  for (const { tags = [] } of tenants)
    for (const name of namesOfTags(tags)) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, count]) => ({ value: `tag:${name}`, description: counted(count, 'tenant') }));
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

/** The newest plans: their id as a value, their state and age as its description. */
export async function planSuggestions(client: Pick<BrokerClient, 'glance'>, nowMs: number): Promise<Suggestion[]> {
  const { plans } = (await client.glance('/plans', { limit: offeredRuns })) as PlansAnswer;
  return safe(
    plans.map((plan) => ({
      value: plan.planId,
      description: `${planState(plan, nowMs).text}, ${relativeTime(plan.madeAt, nowMs)}`,
    })),
  );
}

/** The jobs: their name as a value, their title as its description. */
export async function jobSuggestions(client: Pick<BrokerClient, 'glance'>): Promise<Suggestion[]> {
  const { jobs } = (await client.glance('/jobs')) as JobsAnswer;
  return safe(jobs.map(({ name, title }) => ({ value: name, description: title })));
}

/**
 * What may follow `--parameter`: `NAME=`, or `NAME=VALUE` behind the sign if there are values to choose from.
 * @param words of the command, among which the job's name is.
 */
export async function parameterSuggestions(
  client: Pick<BrokerClient, 'glance'>,
  words: readonly string[],
  typed: string,
): Promise<Suggestion[]> {
  const { jobs } = (await client.glance('/jobs')) as JobsAnswer;
  const job = jobs.find(({ name }) => words.includes(name));
  const fields = job === undefined ? [] : parameterFields(job.parameters);
  const sign = typed.indexOf('=');
  const offered =
    sign < 0
      ? fields.map((field) => ({
          name: field.name,
          value: '',
          description: field.schema.title ?? parameterWords(field),
        }))
      : fields.filter(({ name }) => name === typed.slice(0, sign)).flatMap(valuesOf);
  return offered
    .filter(({ value }) => value === '' || harmless.test(value))
    .map(({ name, value, description }) => ({
      value: `${name}=${value}`,
      description: description.replaceAll(unusual, ' '),
    }))
    .filter(({ value }) => value.startsWith(typed));
}

function valuesOf({ name, kind, choices, schema }: ParameterField): (Suggestion & { readonly name: string })[] {
  const values = kind === 'boolean' ? ['true', 'false'] : choices;
  return values.map((value) => ({ name, value, description: schema.title ?? name }));
}
