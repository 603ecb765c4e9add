import type { TenantId } from '../../core/identifiers.ts';
import { readClaims } from '../../microsoft/token-reply.ts';

/**
 * The federated credential by which an application trusts a managed identity. Entra compares all three with the
 * identity's token ("Configure an application to trust a managed identity").
 */
export interface IdentityTrust {
  readonly issuer: string;
  /** Object id of the managed identity. */
  readonly subject: string;
  readonly audience: string;
}

export interface IdentityTrustOptions {
  /** Authority base without a trailing slash. The issuer of the managed identity's tokens is derived from it. */
  readonly entraEndpoint: string;
  readonly partnerTenantId: TenantId;
  /** Audience that the cloud requires in the managed identity's tokens. */
  readonly federationAudience: string;
}

/** @param subject object id of the managed identity. */
export const identityTrust = (
  { entraEndpoint, partnerTenantId, federationAudience }: IdentityTrustOptions,
  subject: string,
): IdentityTrust => ({
  issuer: `${entraEndpoint}/${partnerTenantId}/v2.0`,
  subject,
  audience: federationAudience,
});

/** The trust that an assertion of a managed identity needs. Undefined if the assertion names no object. */
export function trustOfAssertion(options: IdentityTrustOptions, assertion: string): IdentityTrust | undefined {
  const { objectId } = readClaims(assertion);
  return objectId === undefined ? undefined : identityTrust(options, objectId);
}

/** A federated credential as Entra lists it. */
export interface ListedTrust {
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
}

/**
 * Whether a listed federated credential is exactly the expected one. Its name proves nothing: whoever adds one chooses it.
 * The subject alone proves nothing either: another issuer may issue a token with any subject.
 */
export const isTrustIn = (expected: IdentityTrust | undefined, { issuer, subject, audiences }: ListedTrust): boolean =>
  expected !== undefined &&
  issuer === expected.issuer &&
  subject === expected.subject &&
  audiences.length === 1 &&
  audiences[0] === expected.audience;
