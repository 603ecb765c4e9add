import { isDeepStrictEqual } from 'node:util';
import { expect, it } from 'vitest';
import { callerRoles } from '../../../../../src/lib/core/caller.ts';
import {
  type Decision,
  decide,
  denyInAnyTenant,
  type PolicyCaller,
  type PolicyRequest,
} from '../../../../../src/lib/access/policy/decide.ts';
import { parsePolicy } from '../../../../../src/lib/access/policy/parse-policy.ts';
import type { AccessPolicy } from '../../../../../src/lib/access/policy/policy.ts';
import { namesOfTags } from '../../../../../src/lib/tenants/tags.ts';
import { type DomainName, parseDomainName, type TenantId } from '../../../../../src/lib/core/identifiers.ts';
import { seededRandom } from '../../../../fakes/fake-clock.ts';
import { guid, tenant } from '../../../../support/audit-entries.ts';
import { casesOf } from '../../../../support/extent.ts';
import { type Ask, referenceDecision } from '../../../../support/reference-policy.ts';

const policies = casesOf(20_000);
const decisionsPerPolicy = 50;
const seed = 42;

const random = seededRandom(seed);
const below = (limit: number): number => Math.floor(random() * limit);
const chance = (probability: number): boolean => random() < probability;
const pick = <T>(items: readonly T[]): T => items[below(items.length)] as T;
const some = <T>(items: readonly T[], probability: number): T[] => items.filter(() => chance(probability));
/** Returns at least one item, or `['*']` with the probability `all`. */
const list = (items: readonly string[], all: number): string[] => {
  if (chance(all)) return ['*'];
  const chosen = some(items, 0.4);
  return chosen.length > 0 ? chosen : [pick(items)];
};
/** Like `list`, with fewer items. */
const few = (items: readonly string[], all: number): string[] => {
  if (chance(all)) return ['*'];
  return [...new Set([pick(items), ...some(items, 0.1)])];
};
const capitals = (items: readonly string[]): string[] =>
  items.map((item) => (chance(0.2) && !/^(?:group|tag):/.test(item) ? item.toUpperCase() : item));

// Few names, so that rules and requests match often.
const applications = [1, 2, 3, 4].map(guid);
const objects = [31, 32, 33].map(guid);
const kinds = ['application', 'user', 'agent'] as const;
const blueprints = [41, 42].map(guid);
const tenants: TenantId[] = [11, 12, 13, 14].map(tenant);
const domains = ['contoso.com', 'fabrikam.onmicrosoft.com', 'a-b.co.uk', 'xn--bcher-kva.example'];
const groups = ['gold', 'silver', 'constructor', 'inner', 'all-of-them'];
const tagEntries = ['tag:managed', 'tag:tier', 'tag:tier=gold', 'tag:tier=silver', 'tag:Regulated'];
const tags = ['managed', 'regulated', 'tier=gold', 'tier=silver', 'tier', 'other'];
const resources = ['graph', 'exchange', 'arm'];
const scopes = ['User.Read.All', 'user.read.all', 'Mail.Read', 'Directory.AccessAsUser.All'];
const grants = ['delegated', 'application'] as const;

function randomDocument() {
  // A group holds only groups before it, so none contains itself.
  const tenantGroups: Record<string, string[]> = {};
  for (const name of some(groups, 0.7)) {
    const held = Object.keys(tenantGroups).map((other) => `group:${other}`);
    tenantGroups[name] = capitals(few([...tenants, ...domains, ...tagEntries, ...held], 0));
  }
  const named = Object.keys(tenantGroups).map((name) => `group:${name}`);
  const places = [...tenants, ...domains, ...tagEntries, ...named, ...named];
  const rules = Array.from({ length: below(7) }, (_, index) => {
    const scoped = chance(0.5) ? { scopes: list(scopes, 0.15) } : {};
    const limited = 'scopes' in scoped && scoped.scopes?.[0] !== '*';
    return {
      name: `rule ${index}`,
      callers: {
        applications: capitals(list(applications, 0.2)),
        ...(chance(0.2) ? { objects: capitals(list(objects, 0)) } : {}),
        ...(chance(0.1)
          ? { blueprints: capitals(list(blueprints, 0)), ...(chance(0.5) ? { kinds: ['agent'] } : {}) }
          : chance(0.2)
            ? { kinds: list(kinds, 0) }
            : {}),
        ...(chance(0.4) ? { roles: list(callerRoles, 0) } : {}),
      },
      tenants: capitals(chance(0.5) ? few(places, 0.3) : list(places, 0.2)),
      ...(chance(0.4) ? { except: capitals(few(places, 0)) } : {}),
      resources: list(resources, 0.2),
      ...(chance(0.2) ? { reads: list([...tenants, ...domains], 0.2) } : {}),
      ...scoped,
      ...(chance(0.5) ? { grants: list(grants, 0) } : {}),
      ...(chance(0.4) ? { application: pick(['reader', 'default']) } : {}),
      ...(limited && chance(0.4) ? { excessScopes: pick(['record', 'refuse']) } : {}),
    };
  });
  return {
    version: 1,
    ...(chance(0.9) ? { tenantGroups } : {}),
    rules: chance(0.9) || Object.keys(tenantGroups).length === 0 ? rules : [],
  };
}

function randomAsk(): { caller: Required<PolicyCaller>; request: PolicyRequest; ask: Ask } {
  const roles = some(callerRoles, 0.6);
  const kind = pick(kinds);
  const blueprint = kind === 'agent' && chance(0.8) ? pick(blueprints) : undefined;
  const caller = { applicationId: pick(applications), objectId: pick(objects), kind, blueprint, roles };
  const own = chance(0.05) ? undefined : [...new Map(some(tags, 0.3).map((tag) => [tag.split('=')[0], tag])).values()];
  const unresolved = chance(0.1) ? some(domains, 0.4) : [];
  const request = {
    tenantId: pick(tenants),
    tags: own && namesOfTags(own),
    unresolved: new Set(unresolved as DomainName[]),
    domains: some(domains, 0.25)
      .map(parseDomainName)
      .filter((domain): domain is DomainName => domain !== undefined),
    resource: pick(resources),
    scopes: some(scopes, 0.25),
    grant: pick(grants),
    isPartnerTenant: chance(0.1),
  };
  const { applicationId: application, objectId: object } = caller;
  return { caller, request, ask: { application, object, kind, blueprint, roles, ...request, tags: own, unresolved } };
}

const summaryOf = (decision: Decision): string =>
  decision.allow
    ? `${decision.rule}|${decision.application}|${decision.scopes?.join(' ') ?? 'any'}|${decision.excessScopes}`
    : `denied|${decision.missing}`;

function parsed(document: unknown): AccessPolicy {
  const result = parsePolicy(JSON.stringify(document));
  if (!result.ok) throw new Error(`The generator made an invalid policy: ${result.problems.join(' ')}`);
  return result.policy;
}

it(`decides ${policies * decisionsPerPolicy} generated requests like the reference`, { timeout: 600_000 }, () => {
  const counts: Record<string, number> = {};
  const disagreements: unknown[] = [];
  for (let round = 0; round < policies; round += 1) {
    const document = randomDocument();
    // A document without tenantGroups must not refer to groups.
    if (!('tenantGroups' in document))
      document.rules = document.rules.filter(
        ({ tenants, except = [] }) => ![...tenants, ...except].some((name) => name.startsWith('group:')),
      );
    const policy = parsed(document);
    for (let number = 0; number < decisionsPerPolicy; number += 1) {
      const { caller, request, ask } = randomAsk();
      const decision = decide(policy, caller, request);
      const ours = summaryOf(decision);
      const early = denyInAnyTenant(policy, caller, request);
      // denyInAnyTenant must return the same denial for the stages before the tenant, and none otherwise.
      const beforeTenant =
        !decision.allow &&
        ['caller', 'kind', 'object', 'agent', 'role', 'grant', 'resource'].includes(decision.missing);
      if (!isDeepStrictEqual(early, beforeTenant ? decision : undefined) && disagreements.length < 5)
        disagreements.push({ early, decision, document, ask });
      const theirs = referenceDecision(document, ask);
      const kind = ours.startsWith('denied') ? ours : 'allowed';
      counts[kind] = (counts[kind] ?? 0) + 1;
      if (ours !== theirs && disagreements.length < 5) disagreements.push({ ours, theirs, document, ask });
    }
  }
  expect(disagreements).toEqual([]);
  // Each outcome must occur often enough to be significant.
  for (const kind of [
    'allowed',
    'denied|caller',
    'denied|kind',
    'denied|object',
    'denied|agent',
    'denied|role',
    'denied|grant',
    'denied|resource',
    'denied|tenant',
    'denied|scope',
  ]) {
    expect(`${kind} ${(counts[kind] ?? 0) > policies / 2}`).toBe(`${kind} true`);
  }
  console.log(
    `policy decisions: ${policies * decisionsPerPolicy} over ${policies} policies (seed ${seed}), 0 disagreements`,
    counts,
  );
});
