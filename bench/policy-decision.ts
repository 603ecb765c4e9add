import { decide, type PolicyCaller, type PolicyRequest } from '../src/lib/access/policy/decide.ts';
import { parsePolicy } from '../src/lib/access/policy/parse-policy.ts';
import type { AccessPolicy } from '../src/lib/access/policy/policy.ts';
import { namesOfTags } from '../src/lib/tenants/tags.ts';
import { parseGuid, parseTenantId, type TenantId } from '../src/lib/core/identifiers.ts';
import { type Bench, figure, microsecondsPerCall, round } from './measure.ts';

const tenants = 5_000;
const guid = (number: number): string => `0a1b2c3d-0000-4000-8000-${String(number).padStart(12, '0')}`;
const tenantIds = Array.from({ length: tenants }, (_, number) => parseTenantId(guid(number)) as TenantId);

const applicationId = parseGuid(guid(9_000_000)) ?? '';
const caller: PolicyCaller = { applicationId, roles: [] };

/** Half of the tenants are in a group of ids, a third has a tag, and both are partly taken away again. */
function policyOfPartner(): AccessPolicy {
  const rule = { callers: { applications: [applicationId] }, resources: ['graph'] };
  const parsed = parsePolicy(
    JSON.stringify({
      version: 1,
      tenantGroups: {
        gold: tenantIds.filter((_, number) => number % 2 === 0),
        closed: [...tenantIds.filter((_, number) => number % 10 === 0), 'tag:frozen'],
        served: ['group:gold', 'tag:managed'],
      },
      rules: [
        { ...rule, name: 'named', tenants: ['tag:named'], except: ['group:closed'] },
        { ...rule, name: 'served', tenants: ['group:served'], except: ['group:closed', 'tag:trial'] },
        { ...rule, name: 'rest', tenants: ['*'], except: ['group:served', 'group:closed', 'tag:tier=none'] },
      ],
    }),
  );
  if (!parsed.ok) throw new Error(parsed.problems.join(' '));
  return parsed.policy;
}

const requests = tenantIds.map((tenantId, number): PolicyRequest => {
  const tags = [
    ...(number % 3 === 0 ? ['managed'] : []),
    ...(number % 7 === 0 ? ['frozen'] : []),
    `tier=t${number % 5}`,
  ];
  return { tenantId, domains: [], tags: namesOfTags(tags), resource: 'graph', scopes: [] };
});

/** One decision of the policy where groups, tags and `except` decide. */
export const policyDecision: Bench = {
  name: 'policy-decision',
  run: async () => {
    const policy = policyOfPartner();
    // Decisions that all end in the same way would measure something else.
    const allowed = requests.filter((request) => decide(policy, caller, request).allow).length;
    if (allowed < tenants / 2 || allowed > tenants * 0.95) throw new Error(`${allowed} requests are allowed.`);
    const name = 'decision';
    const decisions = figure(
      name,
      'µs',
      await microsecondsPerCall(async (n) => decide(policy, caller, requests[n % tenants] as PolicyRequest), 50_000),
    );
    return {
      title: 'Decision of the policy',
      setting: `In process: ${tenants.toLocaleString('en')} tenants; rules with nested groups, tags and \`except\`.`,
      figures: [decisions],
      unlisted: ['decision'],
      goals: [
        {
          goal: 'at most 3 µs for a decision',
          reached: decisions.median <= 3,
          value: `${round(decisions.median)} µs`,
        },
      ],
    };
  },
};
