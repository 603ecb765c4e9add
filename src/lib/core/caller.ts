import * as z from 'zod';
import type { TenantId } from './identifiers.ts';
import { defined } from './objects.ts';
import { reasonLength, visibleText } from './text.ts';

/** The app roles of the broker's application in Entra. Each opens a part of the API. */
export const callerRoles = [
  'Tokens.Request',
  'Requests.Send',
  'Tenants.Read',
  'Tenants.Write',
  'Runs.Read',
  'Runs.Write',
  'Audit.Read',
  'Metrics.Read',
  'Approvals.Decide',
  'Changes.Plan',
  'Changes.Apply',
] as const;
export type CallerRole = (typeof callerRoles)[number];

/** The delegated scope that the token of a person has. It grants nothing; the app roles do. */
export const personScope = 'access_as_user';

/**
 * Who calls: an application as itself, a person who is signed in to one, or an agent ("Microsoft Entra Agent ID") on its own,
 * for a person or through its own user account.
 */
export const callerKinds = ['application', 'user', 'agent'] as const;
export type CallerKind = (typeof callerKinds)[number];

/** The caller, as an access token for the broker's own application proves it. */
export interface Caller {
  /** The calling application (`azp`, or `appid` in a version 1.0 token), GUID in lower case. */
  readonly applicationId: string;
  /** The service principal or user (`oid`), GUID in lower case. */
  readonly objectId: string;
  readonly kind: CallerKind;
  /** Of an agent: the application that it was made from (`xms_par_app_azp`), GUID in lower case, if its token names it. */
  readonly blueprint?: string | undefined;
  /** Of an agent: the person that it acts for, the same as `objectId`. Absent if it acts on its own. */
  readonly actsFor?: string | undefined;
  /** The {@link callerRoles} in the token. May be empty. */
  readonly roles: readonly CallerRole[];
  /** The tenant that issued the token. */
  readonly tenantId: TenantId;
  /**
   * What people read in logs, records and notices. The name that the policy gives the caller, else the sign-in name of a person,
   * or `application NAME (a1b2c3d4…)` with the display name, which the application chooses itself, and the start of its id. That
   * of an agent is `agent NAME`, and `agent NAME for PERSON` if it acts for one. The application id if there is no name.
   */
  readonly name: string;
}

/** Who a caller is, without its rights: what records keep. */
export type CallerIdentity = Pick<Caller, 'applicationId' | 'objectId' | 'kind' | 'blueprint' | 'actsFor'>;

export const identityOf = ({ applicationId, objectId, kind, blueprint, actsFor }: CallerIdentity): CallerIdentity =>
  defined({ applicationId, objectId, kind, blueprint, actsFor });

/** The members of a stored {@link CallerIdentity}. An older build knew no agents. */
export const storedIdentity = {
  applicationId: z.string(),
  objectId: z.string(),
  kind: z.enum(callerKinds),
  blueprint: z.string().optional(),
  actsFor: z.string().optional(),
};

/** The application and the person or service principal: those that share it share a queue. */
export const callerIdOf = ({ applicationId, objectId }: Pick<Caller, 'applicationId' | 'objectId'>): string =>
  `${applicationId}/${objectId}`;

/** Who acted through an application. People share the application that they sign in with. */
export interface Actor {
  /** The service principal or user (`oid`), GUID in lower case. */
  readonly objectId: string;
  /** The name of the caller, if the policy or the token has one. */
  readonly name?: string;
}

export const actorOf = ({ applicationId, objectId, name }: Caller): Actor => ({
  objectId,
  ...(name === applicationId ? {} : { name }),
});

/** Authenticates the caller of a request. */
export interface CallerVerifier {
  /**
   * @param authorization The value of the Authorization header, or null if it is absent.
   * @throws BrokerError `caller_unauthenticated` if there is no valid token; `entra_unavailable` if Entra's signing keys
   * cannot be loaded.
   */
  verify(authorization: string | null): Promise<Caller>;
}

const leastLetters = 5;
/** The same in words. */
export const reasonForm = `${reasonLength.least} to ${reasonLength.most} characters, ${leastLetters} of them letters or digits`;

/**
 * Why a caller wants something, or why a person decides, on one line: it must not look like other lines of what deciders
 * read. Blanks at its ends do not count.
 */
export const reasonSchema = z
  .string()
  .trim()
  .min(reasonLength.least)
  .max(reasonLength.most)
  .refine((text) => visibleText(text) === text, 'must be one line without control characters')
  // Dots and characters without width, of which some are letters, explain nothing.
  .refine(
    (text) => (text.match(/(?!\p{Default_Ignorable_Code_Point})[\p{L}\p{N}]/gu)?.length ?? 0) >= leastLetters,
    `must have ${leastLetters} letters or digits`,
  );

/** What a caller says about a request beside the request itself. */
export interface Justification {
  /** Deciders and auditors read it. */
  readonly reason?: string | undefined;
  /** Ask for a new approval if the last one of the same request has ended. */
  readonly askAgain?: boolean | undefined;
  /** An emergency: use a rule for emergencies, if one allows the request. */
  readonly breakGlass?: boolean | undefined;
}
