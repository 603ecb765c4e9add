import type { Row } from '../../graph/declaration.ts';
import { perTenant } from './facts.ts';
import { conditionalAccessOf, type PolicyData } from './policy-data.ts';

/** The policies of a tenant as they apply to a sign-in, by its AADSTS number. */
export const appliedPoliciesOf = perTenant((facts): ((errorCode: number) => readonly AppliedPolicy[]) => {
  const known = new Map<number, readonly AppliedPolicy[]>();
  return (errorCode) => {
    const applied =
      known.get(errorCode) ?? conditionalAccessOf(facts).map((policy) => appliedPolicy(policy, errorCode));
    known.set(errorCode, applied);
    return applied;
  };
});

type AppliedPolicy = Row & { readonly result: string };

function appliedPolicy({ id, key, displayName, state, row }: PolicyData, errorCode: number): AppliedPolicy {
  const controls =
    (row['grantControls'] as { readonly builtInControls: readonly string[] } | null)?.builtInControls ?? [];
  const isMet = key === 'mfa all' && errorCode !== 50126;
  const isBlocked = key === 'countries' && errorCode === 53003;
  const names = { mfa: 'Mfa', block: 'Block' } as const;
  const result =
    state === 'disabled'
      ? 'notEnabled'
      : state === 'enabledForReportingButNotEnforced'
        ? isMet
          ? 'reportOnlySuccess'
          : 'reportOnlyNotApplied'
        : isBlocked || (isMet && errorCode === 50076)
          ? 'failure'
          : isMet
            ? 'success'
            : 'notApplied';
  return {
    id,
    displayName,
    enforcedGrantControls: controls.map((name) => names[name as keyof typeof names] ?? name),
    enforcedSessionControls: [],
    result,
  };
}

export function statusOf(applied: readonly AppliedPolicy[]): string {
  if (applied.some(({ result }) => result === 'failure')) return 'failure';
  return applied.some(({ result }) => result === 'success') ? 'success' : 'notApplied';
}
