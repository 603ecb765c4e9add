import type { Services } from '../composition.ts';
import { readableTenants, type ReadableTenants } from '../lib/access/tenants/visible-tenants.ts';
import { rulesInSomeTenant } from '../lib/access/policy/decide.ts';
import { type AskedTenants, tenantsOfChoices } from '../lib/access/tenants/selected-tenants.ts';
import { type Caller, callerIdOf } from '../lib/core/caller.ts';
import { BrokerError } from '../lib/core/errors.ts';
import { parseDomainName, parseTenantId, type TenantId } from '../lib/core/identifiers.ts';
import {
  chosenRuns,
  noRuns,
  type ReadableRuns,
  readableRuns,
  tenantsOfRun,
  withoutAnswers,
  withOwnQueries,
} from '../lib/runs/reading/visible-runs.ts';
import type { Run } from '../lib/runs/store/run.ts';
import { once } from '../lib/core/single-flight.ts';
import { findRun } from './find-run.ts';
import { type ChosenTenants, choosing } from './tenant-choice.ts';

/** Those who may read runs, and those who may ask queries, which read their own. */
export const runReaders = ['Runs.Read', 'Requests.Send'] as const;

/** The stored runs as the caller may see them. @throws BrokerError like `readableTenants`. */
export async function runsFor(services: Services, caller: Caller): Promise<ReadableRuns> {
  const { runs } = services;
  const readable = await readableTenants(services, caller);
  const mayReadRuns = caller.roles.includes('Runs.Read');
  const others = mayReadRuns ? withoutAnswers(readableRuns(runs, readable)) : noRuns;
  if (!caller.roles.includes('Requests.Send')) return others;
  return withOwnQueries(
    runs,
    others,
    caller,
    once(() => coveredTenants(services, caller)),
  );
}

/**
 * The tenants that the rules of the caller for the gateway cover now, without those that are excluded.
 * @throws BrokerError as `tenantsOfChoices` does.
 */
async function coveredTenants(services: Services, caller: Caller): Promise<ReadonlySet<TenantId>> {
  const { policy } = await services.callers.policy.current();
  const rules = rulesInSomeTenant(policy, caller, { resource: 'graph', via: 'gateway' });
  const covered = await tenantsOfChoices(
    services,
    rules.map(({ tenants }) => tenants),
  );
  if (covered.size === 0) return covered;
  const excluded = (await services.directory.list()).filter(
    (tenant) => !tenant.reachable && tenant.reason === 'excluded',
  );
  const left = new Set(covered);
  for (const { tenantId } of excluded) left.delete(tenantId);
  return left;
}

/**
 * The same, limited to the tenants that the caller asks for.
 * @throws BrokerError like `runsFor` and `askedBy`.
 */
export async function chosenRunsFor(services: Services, caller: Caller, asked: AskedTenants): Promise<ReadableRuns> {
  const runs = await runsFor(services, caller);
  if (asked.tenants === undefined && asked.except === undefined) return runs;
  const readable = await readableTenants(services, caller);
  const chosen = await askedBy(services, { caller, readable }, asked);
  return chosen === undefined ? runs : chosenRuns(runs, chosen.isChosen);
}

/**
 * The tenants that a reader of runs asks for. Undefined: all.
 * @throws BrokerError caller_forbidden for a group or tag without the role Tenants.Read, and like `choosing`.
 */
export async function askedBy(
  services: Services,
  reader: { readonly caller: Caller; readonly readable: ReadableTenants },
  asked: AskedTenants,
): Promise<ChosenTenants | undefined> {
  if (asked.tenants === undefined && asked.except === undefined) return undefined;
  const named = [...(asked.tenants ?? []), ...(asked.except ?? [])];
  // The answer tells who is in a group or has a tag.
  if (named.some((entry) => /^(?:group|tag):/.test(entry)) && !reader.caller.roles.includes('Tenants.Read')) {
    throw new BrokerError('caller_forbidden', 'Choosing by group or tag needs the app role Tenants.Read.');
  }
  return choosing(services, reader, asked);
}

/** Those who may control runs, and those who may ask queries, which control their own. */
export const runWriters = ['Runs.Write', 'Requests.Send'] as const;

/**
 * Returns a run that the caller may repeat or cancel: an own query, or any with the role Runs.Write. A caller whose reading
 * is limited must be able to read all its tenants, so that it affects no other.
 * @throws BrokerError run_not_found, caller_forbidden, or like `readableTenants`.
 */
export async function controllableRun(services: Services, caller: Caller, runId: string): Promise<Run> {
  const readable = await readableTenants(services, caller);
  const own = withOwnQueries(services.runs, noRuns, caller, async () => new Set());
  const mine = caller.roles.includes('Requests.Send') ? await own.log.find(runId) : undefined;
  if (mine !== undefined) return mine;
  const others = caller.roles.includes('Runs.Write') ? readableRuns(services.runs, readable) : noRuns;
  await findRun(others.log, runId);
  const run = await findRun(services.runs.log, runId);
  if (readable === '*') return run;
  const tenants = await tenantsOfRun(services.runs, run);
  if (tenants?.every((tenantId) => readable.has(tenantId)) === true) return run;
  throw new BrokerError('caller_forbidden', 'The run covers tenants that this caller may not read.');
}

/**
 * The id of a tenant that a caller names by its id or a domain. While Entra does not answer, the lists know the domains of
 * customers only, so a failure for all others would tell a caller whose reading is limited who is a customer. Such a
 * caller gets undefined then.
 * @returns undefined if no tenant has the domain, or if the text is neither an id nor a domain.
 * @throws BrokerError as `TenantDirectory.tenantOf` does, to a caller without a limit.
 */
export async function tenantIdFor(
  { directory }: Pick<Services, 'directory'>,
  reader: { readonly caller: Caller; readonly readable: ReadableTenants },
  reference: string,
): Promise<TenantId | undefined> {
  const [tenantId, domain] = [parseTenantId(reference), parseDomainName(reference)];
  if (tenantId !== undefined || domain === undefined) return tenantId;
  try {
    return await directory.tenantOf(domain, undefined, callerIdOf(reader.caller));
  } catch (thrown) {
    if (reader.readable === '*' || !(thrown instanceof BrokerError) || !thrown.transient) throw thrown;
    return undefined;
  }
}
