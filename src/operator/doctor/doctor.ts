import { partnerMap } from 'graph-permissions/partner-table';
import { adminAgentsName } from '../../lib/consent/directory-state.ts';
import { grantOf, type Rule } from '../../lib/access/policy/policy.ts';
import { missingFact, selects } from '../../lib/access/tenants/tenant-set.ts';
import type { Clock } from '../../lib/core/clock.ts';
import { BrokerError, isErrorCode, ptbCommand } from '../../lib/core/errors.ts';
import { defaultApplication, type DomainName, parseDomainName, type TenantId } from '../../lib/core/identifiers.ts';
import { objectsIn, textOf } from '../../lib/core/objects.ts';
import type { Fetch } from '../../lib/core/outbound.ts';
import type { AccessToken, Credential, Resource, Secret, TokenSource } from '../../lib/core/secrets.ts';
import { missingPermissions } from '../../lib/gateway/send/protected-targets.ts';
import { judgeCredential } from '../../lib/health/health.ts';
import { consentRoles } from '../../lib/microsoft/directory-roles.ts';
import type { GraphClient } from '../../lib/microsoft/graph.ts';
import type { TenantDirectory } from '../../lib/tenants/directory.ts';
import { type DelegatedTenant, reasonTexts } from '../../lib/tenants/tenant.ts';
import type { CredentialStore } from '../../lib/tokens/credential/credential-store.ts';
import { type CheckKeysDeps, probeMfa } from '../../lib/tokens/credential/keep-alive.ts';
import {
  alsoRequired,
  customerAccess,
  endsCheck,
  foreignGroups,
  type Facts,
  globalAdministratorCheck,
  privilegedRolesCheck,
  requirementCheck,
  type RoleRequirement,
  rolesCheck,
} from '../gdap/judge.ts';
import { type Groups, readGroupNames, readGroups, readRelationships } from '../gdap/read.ts';
import { customerPoliciesCheck, signInPoliciesCheck } from './conditional-access.ts';
import { attempt, callersCheck, type Check, failed, hardeningCheck, keysCheck, ok, skipped, unread } from './checks.ts';

interface CustomerCheckDeps {
  readonly application: string;
  readonly directory: Pick<TenantDirectory, 'snapshot'>;
  readonly partnerTenantId: TenantId;
  /** Requests a token for Microsoft Graph in a customer's tenant. */
  readonly token: (tenantId: TenantId, rule: Pick<Rule, 'application' | 'grants'>) => Promise<AccessToken>;
  /** The rules of the access policy. */
  readonly rules: readonly Rule[];
  /** Microsoft Graph in the tenant of the token. */
  readonly partnerGraph: (token: Secret) => GraphClient;
  /** Check only this customer: a tenant id or domain. */
  readonly customer?: string | undefined;
}

/** Number of customers to try before the check fails. */
const maxCustomers = 5;

/** Checks the list of customers, and a token for one of them. */
async function* customerChecks(deps: CustomerCheckDeps): AsyncGenerator<Check, void, undefined> {
  // The list is always read with the default application.
  const list = await attempt(defaultApplication, 'Customers', () => deps.directory.snapshot());
  if (!list.ok) {
    yield list.check;
    yield skipped('Customer token');
    return;
  }
  const { tenants, warnings } = list.value;
  const reachable = tenants.filter((tenant) => tenant.reachable);
  const counts = `${tenants.length} customers, ${reachable.length} of them with delegated access.`;
  if (tenants.length === 0) {
    yield {
      check: 'Customers',
      status: 'warning',
      message: 'Microsoft lists no customers.',
      remedy:
        'Add the service account to the group AdminAgents. An account outside the group gets an empty list and no error.',
    };
    yield skipped('Customer token');
    return;
  }
  yield warnings.length === 0
    ? ok('Customers', counts)
    : { check: 'Customers', status: 'warning', message: `${counts} ${warnings.join(' ')}` };
  yield* customerTokenChecks(deps, tenants);
}

async function* customerTokenChecks(
  deps: CustomerCheckDeps,
  tenants: readonly DelegatedTenant[],
): AsyncGenerator<Check, void, undefined> {
  const wanted = deps.customer?.toLowerCase();
  const candidates =
    wanted === undefined
      ? tenants.filter(({ reachable }) => reachable).slice(0, maxCustomers)
      : tenants.filter(({ tenantId, defaultDomain }) => tenantId === wanted || defaultDomain === wanted);
  const [first] = candidates;
  if (first === undefined) {
    const detail = wanted === undefined ? 'No customer has delegated access.' : `"${wanted}" is not a customer.`;
    yield failed(deps.application, 'Customer token', new BrokerError('tenant_not_delegated', detail));
    return;
  }
  if (!first.reachable) {
    const failure = new BrokerError('tenant_not_delegated', reasonTexts[first.reason]);
    yield failed(deps.application, 'Customer token', failure);
    return;
  }
  let last: Check = skipped('Customer token');
  const own = { application: deps.application, grants: new Set(['delegated'] as const) };
  for (const candidate of candidates) {
    const { tenantId, name } = candidate;
    const result = await attempt(deps.application, 'Customer token', () => deps.token(tenantId, own));
    if (result.ok) {
      yield ok('Customer token', `Entra issued a token for ${name}.`);
      const { partnerTenantId } = deps;
      const graph = deps.partnerGraph(result.value.secret);
      yield await customerPoliciesCheck({ name, partnerTenantId, scopes: result.value.scopes }, graph);
      yield* protectionCheck(deps, graph, candidate);
      return;
    }
    last = { ...result.check, message: `${name}: ${result.check.message}` };
  }
  yield last;
}

/**
 * Says which rules lack permissions to look up whom they protect in a customer. The service account also needs a role there.
 * @param graph as the service account in the customer.
 */
async function* protectionCheck(
  { rules, token }: Pick<CustomerCheckDeps, 'rules' | 'token'>,
  graph: Pick<GraphClient, 'list'>,
  { tenantId, name }: DelegatedTenant,
): AsyncGenerator<Check, void, undefined> {
  const check = 'Protected targets';
  if (rules.every(({ protect }) => protect === undefined)) return;
  const domains = await attempt(defaultApplication, check, () => verifiedDomains(graph));
  if (!domains.ok) {
    yield unread(check, domains.failure);
    return;
  }
  const facts = { tenantId, domains: domains.value };
  const problems: string[] = [];
  const remedies = new Set<string | undefined>();
  let count = 0;
  for (const { protect, tenants, application, grants, name: rule } of rules) {
    // A rule may choose its tenants by tags, which are not known here.
    if (protect === undefined || !(selects(tenants, facts) || missingFact(tenants, facts) !== undefined)) continue;
    count += 1;
    const read = await attempt(application, check, () => token(tenantId, { application, grants }));
    if (!read.ok) {
      const { message, remedy } = read.check;
      problems.push(`The application ${application} of the rule "${rule}" gets no token for ${name}: ${message}`);
      remedies.add(remedy?.replaceAll('<id>', tenantId));
      continue;
    }
    const held = { scheme: grantOf({ grants }), permissions: new Set(read.value.scopes) };
    const missing = missingPermissions(partnerMap(), protect, held);
    if (missing.length === 0) continue;
    problems.push(
      `The rule "${rule}" may refuse changes of users in ${name}, because its application ${application} is not consented to ${missing.join(' and ')} there.`,
    );
    const [setup, consent, renew] = ['setup --permissions …', 'consent', 'tenants consent --renew'].map((words) =>
      ptbCommand(words, application),
    );
    remedies.add(`Add what is missing to the profile of the application: run ${setup}, ${consent} and ${renew}.`);
  }
  if (count === 0) return;
  yield problems.length === 0
    ? ok(
        check,
        `All applications of rules with protect (${count}) have the permissions to look up in ${name} whom they protect.`,
      )
    : { check, status: 'warning', message: problems.join(' '), remedy: [...remedies].join(' ') };
}

/** The domains of the tenant of a token. User.Read opens them ("Get organization"). */
async function verifiedDomains(graph: Pick<GraphClient, 'list'>): Promise<readonly DomainName[]> {
  const organizations = await Array.fromAsync(graph.list('/organization?$select=verifiedDomains'));
  const domains = organizations.flatMap((organization) => objectsIn(organization['verifiedDomains']));
  return domains.flatMap((domain) => parseDomainName(textOf(domain, 'name') ?? '') ?? []);
}

interface GdapCheckDeps {
  readonly application: string;
  readonly clock: Clock;
  /** What the jobs of this application need. */
  readonly requirements: readonly RoleRequirement[];
}

/**
 * Checks which roles the service account has at its customers. Nothing here is a failure: the account may lack a role on
 * purpose, and an application with few permissions cannot read the relationships.
 * @param graph Microsoft Graph in the partner tenant, as the service account.
 */
export async function* gdapChecks(deps: GdapCheckDeps, graph: GraphClient): AsyncGenerator<Check, void, undefined> {
  const facts = yield* readFacts(deps, graph);
  if (facts === undefined) return;
  yield rolesCheck(facts);
  if (facts.customers.length === 0) return;
  yield endsCheck(facts);
  for (const found of [globalAdministratorCheck(facts), privilegedRolesCheck(facts)])
    if (found !== undefined) yield found;
  for (const requirement of [{ purpose: 'consent', roles: consentRoles }, ...deps.requirements])
    yield requirementCheck(facts, requirement);
}

/** The part of {@link gdapChecks} that is about the requirements. */
export async function* requirementChecks(
  deps: GdapCheckDeps,
  graph: GraphClient,
): AsyncGenerator<Check, void, undefined> {
  const facts = yield* readFacts(deps, graph);
  if (facts !== undefined) for (const requirement of deps.requirements) yield requirementCheck(facts, requirement);
}

/** Yields what prevents that the facts are known. */
async function* readFacts(
  { application, clock }: GdapCheckDeps,
  graph: GraphClient,
): AsyncGenerator<Check, Facts | undefined, undefined> {
  const groups = await attempt(application, adminAgentsName, () => readGroups(graph));
  yield groups.ok
    ? adminAgentsCheck(groups.value)
    : unreadable(adminAgentsName, 'groups of the account', groups.failure);
  const read = await attempt(application, 'Delegated roles', () => readRelationships(graph, clock.nowMs()));
  if (!read.ok) yield unreadable('Delegated roles', 'delegated relationships', read.failure);
  if (!read.ok || !groups.ok) return undefined;
  const { relationships, unread } = read.value;
  const customers = customerAccess(relationships, groups.value);
  const others = [...new Set(customers.flatMap((customer) => foreignGroups(customer, groups.value)))];
  const facts: Facts = {
    customers,
    groups: groups.value,
    otherGroups: await readGroupNames(graph, others),
    nowMs: clock.nowMs(),
  };
  if (unread !== undefined) yield unreadable('Access assignments', 'access assignments of some customers', unread);
  return facts;
}

function adminAgentsCheck(groups: Groups): Check {
  if ([...groups.values()].includes(adminAgentsName))
    return ok(adminAgentsName, `The account is a member of ${adminAgentsName}.`);
  // Without Directory.Read.All, Graph lists the groups without their names.
  if ([...groups].some(([id, name]) => id === name))
    return {
      check: adminAgentsName,
      status: 'notice',
      message: `Whether the account is a member of ${adminAgentsName} is not known, because Graph hides the names of its groups.`,
      remedy: neededPermissions,
    };
  return {
    check: adminAgentsName,
    status: 'warning',
    message: `The account is not a member of ${adminAgentsName}, so Partner Center refuses it and Graph lists no customers.`,
    remedy: `Add the service account to the group ${adminAgentsName} of the partner tenant.`,
  };
}

const unreadable = (check: string, what: string, { code, detail }: BrokerError): Check => ({
  check,
  status: 'notice',
  message: `The ${what} could not be read (${code}): ${detail}`,
  remedy: neededPermissions,
});

const neededPermissions =
  'Delegated roles are only known to an application with User.Read, Directory.Read.All and DelegatedAdminRelationship.Read.All, whose account is in AdminAgents.';

export type { Check } from './checks.ts';

export interface DoctorDeps extends Omit<CustomerCheckDeps, 'token'>, GdapCheckDeps {
  readonly store: CredentialStore;
  readonly tokens: TokenSource;
  readonly graph: Resource;
  readonly partnerCenter: Resource;
  readonly partnerCenterEndpoint: string;
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly identityTrust: CheckKeysDeps['identityTrust'];
  /** False: checks that need the managed identity are skipped. */
  readonly hasManagedIdentity: boolean;
}

/** Checks the credential from the vault to a token for a customer, in that order. Yields each result when it is known. */
export async function* examine(deps: DoctorDeps): AsyncGenerator<Check, void, undefined> {
  const read = await attempt(deps.application, 'Key Vault', () => deps.store.load(deps.application));
  if (!read.ok) {
    yield read.check;
    yield* ['Credential', ...needPartnerTenant].map(skipped);
    return;
  }
  yield { check: 'Key Vault', status: 'ok', message: 'The vault answers and holds the application.' };
  yield* storedChecks(deps, read.value);
  if (read.value.client.credential.kind === 'federated' && !deps.hasManagedIdentity) {
    yield { check: 'Client credential', status: 'notice', message: identityMissing };
    yield* needPartnerTenant.map(skipped);
    return;
  }
  const ownToken = (grant: 'delegated' | 'application') => token(deps, deps.partnerTenantId, deps.graph, grant);
  const own = await attempt(deps.application, 'Client credential', () => ownToken('application'));
  yield own.ok ? ok('Client credential', 'Entra accepts the client credential.') : own.check;
  if (own.ok) {
    const graph = deps.partnerGraph(own.value.secret);
    yield await keysCheck(deps, read.value.client, graph);
    yield await hardeningCheck(deps.application, read.value.client.clientId, graph);
  }
  if (read.value.refreshToken === undefined) {
    yield* needPartnerTenant.map(skipped);
    return;
  }
  const partner = await attempt(deps.application, 'Partner tenant', () => ownToken('delegated'));
  yield partner.ok
    ? ok('Partner tenant', `Entra issued a token with the scopes ${partner.value.scopes.join(' ')}.`)
    : partner.check;
  if (!partner.ok) {
    yield* needPartnerTenant.slice(1).map(skipped);
    return;
  }
  yield await partnerCenterCheck(deps);
  const graph = deps.partnerGraph(partner.value.secret);
  yield await callersCheck(deps.partnerTenantId, graph);
  yield await signInPoliciesCheck(graph, partner.value.scopes);
  yield* gdapChecks(deps, graph);
  yield* customerChecks({
    ...deps,
    token: (tenantId, { application, grants }) =>
      token({ ...deps, application }, tenantId, deps.graph, grantOf({ grants })),
  });
}

const needPartnerTenant = ['Partner tenant', 'Partner Center', 'Delegated roles', 'Customers', 'Customer token'];

/** A machine without the managed identity cannot use it. That is not a failure. */
const identityMissing =
  'The client credential is a managed identity, which this machine does not have. GET /api/health shows whether Entra accepts it, and `ptb verify` whether callers get tokens.';

/** Checks the stored credential without a request: account, MFA, expiry. */
function storedChecks(deps: DoctorDeps, credential: Credential): Check[] {
  const stored = { application: deps.application, needsRefreshToken: true, credential, journal: {} };
  const { account, daysLeft, clientCredential, findings } = judgeCredential(stored, deps.clock.nowMs());
  const { kind, daysLeft: clientDaysLeft } = clientCredential ?? {};
  const left = clientDaysLeft === undefined ? '' : `, ${clientDaysLeft} days left`;
  const summary =
    account === undefined
      ? `A client credential (${kind}) and no refresh token.`
      : `Refresh token of ${account}, ${daysLeft} days left; client credential: ${kind}${left}.`;
  const checks = findings.map(
    ({ severity, code, message, advice }): Check => ({
      check: 'Credential',
      status: severity === 'down' ? 'failed' : severity === 'degraded' ? 'warning' : 'notice',
      message,
      remedy: advice,
      ...(isErrorCode(code) ? { code } : {}),
    }),
  );
  const { tenantId } = credential.client;
  if (tenantId !== deps.partnerTenantId)
    checks.unshift({
      check: 'Credential',
      status: 'failed',
      code: 'config_invalid',
      message: `The tag tenantId of the client credential in Key Vault is ${tenantId}, and PARTNER_TENANT_ID is ${deps.partnerTenantId}. Rotation and renewal use the tag, so they fail.`,
      remedy: 'Correct the one that is wrong.',
    });
  return checks.length === 0 ? [ok('Credential', summary)] : checks;
}

async function partnerCenterCheck(deps: DoctorDeps): Promise<Check> {
  const result = await attempt(deps.application, 'Partner Center', async () => {
    const { secret } = await token(deps, deps.partnerTenantId, deps.partnerCenter, 'delegated');
    return probeMfa(deps, secret);
  });
  // AADSTS650057: the application is not registered for the resource. A profile without Partner Center does not need it.
  if (!result.ok && result.failure.logFields['aadsts'] === 650057) {
    const message = 'Not checked, because the application has no permission for Partner Center.';
    return { check: 'Partner Center', status: 'skipped', message };
  }
  if (!result.ok) return result.check;
  if (result.value === true)
    return ok('Partner Center', `Partner Center answers and finds MFA in the token. ${alsoRequired}`);
  if (result.value === undefined) {
    const message = 'Partner Center answers, but does not report whether the token carries MFA.';
    return { check: 'Partner Center', status: 'notice', message };
  }
  return {
    check: 'Partner Center',
    status: 'failed',
    code: 'credential_revoked',
    message: 'Partner Center finds no MFA in the token and rejects it. That is enforced since 8 June 2026.',
    remedy: `Run ${ptbCommand('consent', deps.application)} and sign in with Microsoft MFA as the service account.`,
  };
}

function token(deps: DoctorDeps, tenantId: TenantId, resource: Resource, grant: 'delegated' | 'application') {
  const { application, newId } = deps;
  const wanted = { tenantId, resource, grant, application, minimumLifetimeSeconds: 0, correlationId: newId() };
  return deps.tokens.getToken(wanted);
}
