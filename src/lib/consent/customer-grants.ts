import type { TenantId } from '../core/identifiers.ts';
import { graphAppId, partnerCenterAppId, type PermissionProfile, signInScopes } from './permissions.ts';

/** Delegated permissions of one resource, by value. */
export interface ScopedResource {
  readonly appId: string;
  readonly name: string;
  readonly scopes: readonly string[];
}

/** The consent to the application in a customer tenant. */
export interface CustomerConsent {
  /** What the application may do on behalf of all users. */
  readonly grants: readonly ScopedResource[];
  /** Application ids of resources that certainly do not exist in the tenant. Only those of the profile are looked up. */
  readonly absent: ReadonlySet<string>;
  /** False if only the grants of the wanted resources are known, so that the consent must not be withdrawn to extend it. */
  readonly isComplete: boolean;
}

export const noConsent: CustomerConsent = { grants: [], absent: new Set(), isComplete: true };

/** How the consent of a customer differs from the profile. */
export interface ConsentDifference {
  readonly missing: readonly ScopedResource[];
  readonly excess: readonly ScopedResource[];
  /** Resources of the profile that the customer does not have, such as Exchange Online. */
  readonly unavailable: readonly ScopedResource[];
}

/**
 * The delegated permissions of a profile that customers consent to. Partner Center is left out, because it is called with
 * tokens of the partner tenant only. Application permissions cannot be consented through Partner Center.
 */
export const customerResources = (profile: PermissionProfile): readonly ScopedResource[] =>
  profile.resources
    .filter(({ appId, scopes }) => scopes.length > 0 && appId !== partnerCenterAppId)
    .map(({ appId, name, scopes }) => ({ appId, name, scopes: scopes.map(({ value }) => value) }));

/** Compares a consent with what the profile asks for. Pure. */
export function compareConsent(wanted: readonly ScopedResource[], consent: CustomerConsent): ConsentDifference {
  const unavailable = wanted.filter(
    ({ appId }) => consent.absent.has(appId) && scopesIn(consent.grants, appId).length === 0,
  );
  const expected = wanted.filter((each) => !unavailable.includes(each));
  return {
    missing: subtract(expected, (appId) => scopesIn(consent.grants, appId)),
    excess: subtract(
      consent.grants.filter(({ appId }) => appId !== partnerCenterAppId),
      (appId) => [...scopesIn(wanted, appId), ...(appId === graphAppId ? signInScopes : [])],
    ),
    unavailable,
  };
}

/** All scopes of both lists, resource by resource. The first list determines the order. */
export function mergeScopes(
  first: readonly ScopedResource[],
  second: readonly ScopedResource[],
): readonly ScopedResource[] {
  const added = second.filter(({ appId }) => !first.some((each) => each.appId === appId));
  return [
    ...first.map((each) => ({ ...each, scopes: [...new Set([...each.scopes, ...scopesIn(second, each.appId)])] })),
    ...added,
  ];
}

/** Whether the consent includes every scope of the resource. */
export const isGranted = ({ grants }: Pick<CustomerConsent, 'grants'>, { appId, scopes }: ScopedResource): boolean => {
  const granted = new Set(scopesIn(grants, appId));
  return scopes.every((scope) => granted.has(scope));
};

export const scopesIn = (resources: readonly ScopedResource[], appId: string): readonly string[] =>
  resources.flatMap((each) => (each.appId === appId ? each.scopes : []));

/** Describes permissions for people: `Microsoft Graph: User.Read.All, Directory.Read.All`. */
export const describeScopes = (resources: readonly ScopedResource[]): string =>
  resources.map(({ name, scopes }) => `${name}: ${scopes.join(', ')}`).join('; ');

function subtract(
  resources: readonly ScopedResource[],
  present: (appId: string) => readonly string[],
): readonly ScopedResource[] {
  return resources.flatMap((each) => {
    const known = new Set(present(each.appId));
    const scopes = each.scopes.filter((scope) => !known.has(scope));
    return scopes.length === 0 ? [] : [{ ...each, scopes }];
  });
}

/** A consent that is withdrawn to be given again. */
export interface JournalEntry {
  readonly tenantId: TenantId;
  /** Name of the customer. */
  readonly name: string;
  readonly startedAtMs: number;
  /** What was consented before the withdrawal. */
  readonly before: readonly ScopedResource[];
  /** What is to be consented after it. */
  readonly after: readonly ScopedResource[];
}

/**
 * Remembers withdrawn consents until they are given again. Partner Center can extend a consent only by withdrawing all of
 * it first, so the journal is the only record of the former grants if the command is killed in between.
 */
export interface ConsentJournal {
  /** Resolves once the entry is on disk. */
  save(entry: JournalEntry): Promise<void>;
  list(): Promise<readonly JournalEntry[]>;
  drop(tenantId: TenantId): Promise<void>;
}
