import type { TenantId } from '../../lib/core/identifiers.ts';
import type { ConsentPlan, ConsentResult } from '../../lib/consent/consent-result.ts';
import { describeScopes, isGranted, type ScopedResource } from '../../lib/consent/customer-grants.ts';
import { counted } from '../counted.ts';
import type { CheckedTenant } from './check.ts';
import type { GiveOutcome } from './give.ts';
import type { RemoveOutcome } from './remove.ts';

/** How many customers a line names before it counts the others. */
const namesPerLine = 5;

interface Failure {
  readonly name: string;
  readonly detail?: string | undefined;
  readonly nextStep?: string | undefined;
}

export const countOf = <Outcome extends string>(
  results: readonly { readonly outcome: Outcome }[],
  wanted: Outcome,
): number => results.filter(({ outcome }) => outcome === wanted).length;

export function giveDocument({ planned, results, names, working }: GiveOutcome): unknown {
  const plans = planned.map((order) => ({ tenantId: order.tenantId, adds: additionsOf(order) }));
  return {
    consented: countOf(results, 'consented'),
    already: countOf(results, 'already'),
    failed: countOf(results, 'failed'),
    ...(working === undefined ? {} : { working }),
    tenants: [...plans, ...results].map((each) => ({ ...each, name: names.get(each.tenantId) })),
  };
}

export function giveLines(outcome: GiveOutcome, { dryRun, wait }: { dryRun?: boolean; wait?: boolean }): string[] {
  const { planned, results, names } = outcome;
  const [consented = 0, already = 0, failed = 0] = (['consented', 'already', 'failed'] as const).map((each) =>
    countOf(results, each),
  );
  const problems = failureLines(results.filter((each) => each.outcome === 'failed').map(named(names)));
  if (dryRun) {
    const lines = planned.map((order) => `${order.name}: ${changeOf(order)}`);
    return [
      ...(lines.length === 0 ? ['No tenant lacks the consent.'] : [...lines, 'Nothing was changed.']),
      ...problems,
    ];
  }
  const counts = `${counted(consented, 'tenant')} consented, ${already} had the consent already, ${failed} failed.`;
  const summary =
    consented === 0 && failed === 0
      ? `No tenant lacks the consent. ${already} have it.`
      : `${counts}${consented === 0 || wait ? '' : ' Tokens include the consent after about three minutes.'}`;
  return [summary, ...unavailableLines(results, names), ...problems];
}

/** What a customer gets, for the plan. */
const changeOf = (order: ConsentPlan): string =>
  `${order.withdrawsFirst ? 'withdraw the consent, and give it again with' : 'consent to'} ${describeScopes(additionsOf(order))}`;

/** The permissions that the customer does not have yet. */
const additionsOf = ({ give, former = [] }: ConsentPlan): readonly ScopedResource[] =>
  give
    .filter((each) => !isGranted({ grants: former }, each))
    .map((each) => {
      const known = new Set(former.flatMap(({ appId, scopes }) => (appId === each.appId ? scopes : [])));
      return { ...each, scopes: each.scopes.filter((scope) => !known.has(scope)) };
    });

/** The withdrawals for the confirmation, one line per kind of change. */
export function withdrawalLines(orders: readonly ConsentPlan[]): string[] {
  return [
    ...grouped(orders.map((order) => ({ key: describeScopes(additionsOf(order)), name: order.name }))).map(
      ([added, names]) => `${namesOf(names)}: add ${added}`,
    ),
    `In ${counted(orders.length, 'customer')} the consent is withdrawn, and then given again with all existing permissions and these.`,
    'Until that is done, callers and jobs get consent_required there.',
  ];
}

export function checkLines(tenants: readonly CheckedTenant[]): string[] {
  const differences = tenants.flatMap(({ name, outcome, missing = [], excess = [] }) =>
    outcome !== 'different'
      ? []
      : [
          ...(missing.length === 0 ? [] : [`  ${name} lacks ${describeScopes(missing)}`]),
          ...(excess.length === 0 ? [] : [`  ${name} has in excess ${describeScopes(excess)}`]),
        ],
  );
  const unavailable = tenants.flatMap(({ name, unavailable: missing = [] }) =>
    missing.map((resource) => ({ key: resource.name, name })),
  );
  return [
    `The consent of the profile: ${counted(countOf(tenants, 'equal'), 'tenant')} as it should be, ${countOf(tenants, 'different')} differ, ${countOf(tenants, 'failed')} could not be checked.`,
    ...differences,
    ...grouped(unavailable).map(([resource, names]) => `  Without ${resource}: ${namesOf(names)}`),
    ...failureLines(tenants.filter(({ outcome }) => outcome === 'failed')),
    ...(tenants.some(({ missing = [] }) => missing.length > 0)
      ? [
          'Next: `ptb tenants consent` gives what a customer lacks, with --renew also further permissions of a resource.',
        ]
      : []),
    ...(tenants.some(({ excess = [] }) => excess.length > 0)
      ? [
          'Next: to end what is in excess, run `ptb tenants consent --remove --tenant <id>` and then `ptb tenants consent`.',
        ]
      : []),
  ];
}

export function removeLines({ planned, results, names }: RemoveOutcome, dryRun = false): string[] {
  if (dryRun) return [...planned.map(({ name }) => name), 'Nothing was changed.'];
  return [
    `The consent of ${counted(countOf(results, 'removed'), 'tenant')} was removed, ${countOf(results, 'absent')} had none, ${countOf(results, 'failed')} failed.`,
    ...failureLines(results.filter(({ outcome }) => outcome === 'failed').map(named(names))),
  ];
}

export const namesOf = (names: readonly string[]): string => {
  const more = names.length - namesPerLine;
  return more > 0 ? `${names.slice(0, namesPerLine).join(', ')} and ${more} more` : names.join(', ');
};

const named =
  (names: ReadonlyMap<TenantId, string>) =>
  <T extends { readonly tenantId: TenantId }>(result: T): T & { readonly name: string } => ({
    ...result,
    name: names.get(result.tenantId) ?? result.tenantId,
  });

/** One line per customer, and each next step once. */
const failureLines = (failures: readonly Failure[]): string[] => [
  ...failures.map(({ name, detail }) => `  ${name}: ${detail}`),
  ...new Set(failures.flatMap(({ nextStep }) => (nextStep === undefined ? [] : [`Next: ${nextStep}`]))),
];

function unavailableLines(results: readonly ConsentResult[], names: ReadonlyMap<TenantId, string>): string[] {
  const missing = results.flatMap(({ tenantId, resources }) =>
    resources.flatMap(({ resource, outcome }) =>
      outcome === 'unavailable' ? [{ key: resource, name: names.get(tenantId) ?? tenantId }] : [],
    ),
  );
  return grouped(missing).map(
    ([resource, without]) => `  Skipped, because the customer does not have ${resource}: ${namesOf(without)}`,
  );
}

function grouped(items: readonly { readonly key: string; readonly name: string }[]): [string, string[]][] {
  const groups = new Map<string, string[]>();
  for (const { key, name } of items) groups.set(key, [...(groups.get(key) ?? []), name]);
  return [...groups];
}
