import type { Check } from '../../operator/doctor/checks.ts';
import { requirementChecks } from '../../operator/doctor/doctor.ts';
import type { RoleRequirement } from '../../operator/gdap/judge.ts';
import {
  compareConsent,
  customerResources,
  describeScopes,
  mergeScopes,
  noConsent,
  type ScopedResource,
} from '../../lib/consent/customer-grants.ts';
import { graphAppId, type PermissionProfile, profileNames, profiles } from '../../lib/consent/permissions.ts';
import { ptbCommand } from '../../lib/core/errors.ts';
import { factsOf } from '../../lib/core/resources.ts';
import type { Job } from '../../lib/runs/job/job.ts';
import type { Toolbox } from '../sign-in/toolbox.ts';
import { checkConsents, type CheckedTenant } from './check.ts';
import { openConsents } from './open.ts';
import { namesOf } from './output.ts';

type ReportingJob = Pick<Job, 'resources' | 'permissions'>;

/** What some jobs of one application need. */
export interface Needs {
  readonly application: string;
  readonly jobs: readonly ReportingJob[];
  readonly requirements: readonly RoleRequirement[];
}

/**
 * Says which permissions and directory roles some jobs need, and which customers lack them. Changes nothing.
 * @throws BrokerError and SetupError if registration, customers or the account's groups cannot be read.
 */
export async function* needsChecks(
  toolbox: Toolbox,
  { application, jobs, requirements }: Needs,
): AsyncGenerator<Check, void, undefined> {
  const flags = { application, customers: undefined };
  let registered: readonly ScopedResource[] = [];
  const consents = await openConsents(toolbox, {
    ...flags,
    wanted: (profile) => {
      registered = customerResources(profile);
      return neededScopes(jobs, profile);
    },
  });
  yield permissionsCheck(application, consents.wanted, registered);
  yield consentCheck(application, await checkConsents(consents, flags));
  const graph = toolbox.graph(await consents.graphToken(toolbox.target.partnerTenantId)).client;
  yield* requirementChecks({ application, clock: toolbox.clock, requirements }, graph);
}

/**
 * The permissions of jobs by resource. One that neither the application nor the profile `gdap` has is taken for one of
 * Microsoft Graph.
 */
export function neededScopes(jobs: readonly ReportingJob[], registered: PermissionProfile): readonly ScopedResource[] {
  const known = mergeScopes(customerResources(registered), customerResources(profiles.gdap));
  const graph = { appId: graphAppId, name: 'Microsoft Graph' };
  const needed = jobs.flatMap(({ permissions = [], resources }) => {
    const appIds = new Set<string | undefined>(resources.map((alias) => factsOf(alias)?.applicationId));
    return permissions.map((permission): ScopedResource => {
      // A job names the resource of a permission that several resources have behind it, in parentheses.
      const scope = permission.replace(/ \(.*/, '');
      const having = known.filter(({ scopes }) => scopes.includes(scope));
      const { appId, name } = having.find((each) => appIds.has(each.appId)) ?? having[0] ?? graph;
      return { appId, name, scopes: [scope] };
    });
  });
  return needed.reduce<readonly ScopedResource[]>((all, each) => mergeScopes(all, [each]), []);
}

/** What the jobs need, and what of it the application itself lacks. */
function permissionsCheck(
  application: string,
  wanted: readonly ScopedResource[],
  registered: readonly ScopedResource[],
): Check {
  const check = 'Permissions';
  if (wanted.length === 0) return { check, status: 'ok', message: 'The reports need no permissions.' };
  const needed = `The reports need ${describeScopes(wanted)}.`;
  const lacking = lackedOf(wanted, registered);
  if (lacking.length === 0) return { check, status: 'ok', message: `${needed} The application has them.` };
  // Setup gives exactly the profile, so it must contain what the application has as well.
  const profile = profileNames.find(
    (name) => lackedOf([...lacking, ...registered], customerResources(profiles[name])).length === 0,
  );
  const [setup, consent, renew] = [
    `setup --permissions ${profile ?? 'FILE'}`,
    'consent',
    'tenants consent --renew',
  ].map((words) => ptbCommand(words, application));
  const file = profile !== undefined ? '' : ' FILE is a profile with what the application has and lacks.';
  return {
    check,
    status: 'notice',
    message: `${needed} The application lacks ${describeScopes(lacking)}.`,
    remedy: `Run ${setup}, ${consent} and ${renew}.${file}`,
  };
}

const lackedOf = (wanted: readonly ScopedResource[], grants: readonly ScopedResource[]): readonly ScopedResource[] =>
  compareConsent(wanted, { ...noConsent, grants }).missing;

/** In how many customers the consent lacks which permissions. */
function consentCheck(application: string, tenants: readonly CheckedTenant[]): Check {
  const check = 'Consent';
  const lacking = tenants.filter(({ missing = [] }) => missing.length > 0);
  const unread = tenants.filter(({ outcome }) => outcome === 'failed');
  const without = Map.groupBy(
    tenants.flatMap(({ name, unavailable = [] }) => unavailable.map((resource) => ({ name, of: resource.name }))),
    ({ of }) => of,
  );
  const counts = new Map<string, number>();
  for (const scope of lacking.flatMap(({ missing = [] }) => missing.flatMap(({ scopes }) => scopes)))
    counts.set(scope, (counts.get(scope) ?? 0) + 1);
  const read = tenants.length - unread.length;
  const names = (some: readonly { readonly name: string }[]): string => namesOf(some.map(({ name }) => name));
  const message = [
    lacking.length === 0
      ? `The consent of ${read} of ${tenants.length} customers has what the reports need.`
      : `${lacking.length} of ${tenants.length} customers lack permissions (${[...counts].map(([scope, count]) => `${scope} ${count}`).join(', ')}): ${names(lacking)}.`,
    ...[...without].map(([resource, some]) => `Without ${resource}, and so without its part: ${names(some)}.`),
    ...(unread.length === 0 ? [] : [`Not known in ${unread.length}: ${names(unread)}. ${unread[0]?.detail ?? ''}`]),
  ].join(' ');
  const remedies = [
    ...(lacking.length === 0
      ? []
      : [
          `${ptbCommand('tenants consent', application)} gives what a customer lacks, with --renew also further permissions of a resource.`,
        ]),
    ...new Set(unread.flatMap(({ nextStep }) => nextStep ?? [])),
  ];
  return {
    check,
    status: remedies.length === 0 ? 'ok' : 'notice',
    message,
    ...(remedies.length === 0 ? {} : { remedy: remedies.join(' ') }),
    affected: [...lacking, ...unread].map(({ tenantId, name, missing, code }) => ({ tenantId, name, missing, code })),
  };
}
