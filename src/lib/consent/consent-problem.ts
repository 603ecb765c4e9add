import { adviceFor, BrokerError, type ErrorCode, ptbCommand, toBrokerError } from '../core/errors.ts';
import { defaultApplication, type TenantId } from '../core/identifiers.ts';
import type { BatchReply } from '../microsoft/batch.ts';
import type { GraphClient } from '../microsoft/graph.ts';
import { isObject, type JsonObject, objectsIn, textOf } from '../core/objects.ts';
import { type CustomerConsent, mergeScopes, noConsent, type ScopedResource } from './customer-grants.ts';
import { readScopeGrants } from './directory-state.ts';
import type { ConsentAnswer } from './partner-center-consents.ts';

interface ReadConsentDeps {
  /** Microsoft Graph in a customer tenant, with the token of one of the broker's applications. */
  readonly graph: (application: string, tenantId: TenantId) => GraphClient;
  /** The scopes of a token of an application for a resource in a customer tenant. */
  readonly scopesOfToken: (application: string, tenantId: TenantId, appId: string) => Promise<readonly string[]>;
}

/** Entra's numbers for an application that is consented, but switched off or restricted by the customer. */
const restrictedByCustomer: ReadonlySet<unknown> = new Set([70001, 7000112, 50105]);

/**
 * Reads the consent to an application in a customer tenant. Before the first consent Entra issues no token for reading it,
 * which counts as no consent. The consent of an application without a permission to read the directory is read with the
 * default one, or else taken from its own tokens.
 * @throws BrokerError of Entra or Microsoft Graph.
 */
export async function readCustomerConsent(
  deps: ReadConsentDeps,
  { application, clientId }: { readonly application: string; readonly clientId: string },
  wanted: readonly ScopedResource[],
  tenantId: TenantId,
): Promise<CustomerConsent> {
  const readAs = (reader: string) => readConsent(deps.graph(reader, tenantId), clientId, wanted);
  try {
    return await readAs(application);
  } catch (thrown) {
    const failure = toBrokerError(thrown);
    const isAbsent = isConsentAbsent(failure);
    if (!isAbsent && failure.code !== 'access_denied') throw failure;
    if (application !== defaultApplication) {
      const read = await readAs(defaultApplication).catch(() => undefined);
      if (read !== undefined) return read;
    }
    return isAbsent ? noConsent : readTokens(deps, application, wanted, tenantId);
  }
}

/** Whether Entra says that the application has no consent or no service principal in the tenant. */
export const isConsentAbsent = ({ code, logFields }: BrokerError): boolean =>
  code === 'consent_required' && !restrictedByCustomer.has(logFields['aadsts']);

/** The permissions that Entra puts into tokens of the application. */
async function readTokens(
  deps: ReadConsentDeps,
  application: string,
  wanted: readonly ScopedResource[],
  tenantId: TenantId,
): Promise<CustomerConsent> {
  const grants: ScopedResource[] = [];
  const absent = new Set<string>();
  for (const resource of wanted) {
    const { appId } = resource;
    try {
      grants.push({ ...resource, scopes: await deps.scopesOfToken(application, tenantId, appId) });
    } catch (thrown) {
      const failure = toBrokerError(thrown);
      if (failure.code === 'resource_unavailable') absent.add(appId);
      else if (!isConsentAbsent(failure)) throw failure;
    }
  }
  return { grants, absent, isComplete: false };
}

async function readConsent(
  graph: GraphClient,
  clientId: string,
  wanted: readonly ScopedResource[],
): Promise<CustomerConsent> {
  const appIds = [clientId, ...wanted.map(({ appId }) => appId)];
  const principals = new Map<string, JsonObject>();
  const requests = appIds.map((appId) => ({
    id: appId,
    path: `/servicePrincipals?$filter=appId eq '${appId}'&$select=id,appId,displayName`,
  }));
  for (const reply of await graph.batch(requests)) {
    const [found] = objectsIn(valueIn(reply)['value']);
    if (found !== undefined) principals.set(reply.id, found);
  }
  const absent = new Set(wanted.map(({ appId }) => appId).filter((appId) => !principals.has(appId)));
  const principalId = textOf(principals.get(clientId), 'id');
  if (principalId === undefined) return { grants: [], absent, isComplete: true };
  const granted = await readScopeGrants(graph, principalId);
  const known = new Map([...principals.values()].map((principal) => [textOf(principal, 'id'), principal]));
  const others = [...new Set(granted.map(({ resourceId }) => resourceId))].filter((id) => !known.has(id));
  const lookups = others.map((id) => ({ id, path: `/servicePrincipals/${id}?$select=id,appId,displayName` }));
  if (lookups.length > 0) for (const reply of await graph.batch(lookups)) known.set(reply.id, valueIn(reply));
  const nameOf = new Map(wanted.map(({ appId, name }) => [appId, name]));
  const grants = granted.map(({ resourceId, scopes }): ScopedResource => {
    const principal = known.get(resourceId);
    const appId = textOf(principal, 'appId');
    // Without its id the grant could not be given again after a withdrawal.
    if (appId === undefined)
      throw new BrokerError('resource_error', 'Microsoft Graph does not name a consented resource.');
    return { appId, name: nameOf.get(appId) ?? textOf(principal, 'displayName') ?? appId, scopes };
  });
  const merged = grants.reduce<readonly ScopedResource[]>((all, each) => mergeScopes(all, [each]), []);
  return { grants: merged, absent, isComplete: true };
}

function valueIn(reply: BatchReply): JsonObject {
  if (!reply.ok) throw reply.error;
  if (isObject(reply.value)) return reply.value;
  throw new BrokerError('resource_error', 'Microsoft Graph sends a service principal that is not an object.');
}

/** Why a consent was not given, withdrawn or read, and what to do about it. */
export interface ConsentProblem {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly nextStep: string;
}

/** What to do about a problem that may pass, for somebody who ran the command. */
export const repeatCommand = 'Run the command again.';

/** "Partner Center REST error codes": the call was blocked by a Conditional Access policy, or Entra refused the inner token. */
const blockedCodes: ReadonlySet<string> = new Set(['900309', '90000']);

export const isSuccess = ({ status }: ConsentAnswer): boolean => status >= 200 && status <= 299;

/** Whether Partner Center may have done the work although it did not say so. */
export const isUnknown = ({ status }: ConsentAnswer): boolean => status === 0 || status >= 500;

/** Whether a withdrawal certainly changed nothing. */
export const isWithdrawalRefused = (answer: ConsentAnswer): boolean =>
  !isSuccess(answer) && !isUnknown(answer) && answer.status !== 404 && answer.mayHaveWorked !== true;

/** Whether the token is refused. The answer is the same for every customer. */
export const isTokenRefused = ({ status }: ConsentAnswer): boolean => status === 401;

/**
 * Whether the answer concerns the customer and not only the resource.
 * @param hasAccess whether Partner Center has accepted a request for this customer already.
 */
export const concernsCustomer = ({ status }: ConsentAnswer, hasAccess: boolean): boolean =>
  status === 401 || status === 429 || (!hasAccess && (status === 403 || status === 404));

/** Explains an answer that is not a success. @param application its name in Key Vault. */
export function problemOf(answer: ConsentAnswer, application: string): ConsentProblem {
  const { status, code, message, retryAfterSeconds } = answer;
  const number = code === '' ? String(status) : `${status} ${code}`;
  const said = message === '' ? '' : ` It says: ${message.replace(/\.?$/, '.')}`;
  if (status === 0) return { code: 'resource_error', detail: message, nextStep: repeatCommand };
  if (status === 401) return refusedToken(answer, number, application);
  if (status === 403 && blockedCodes.has(code)) {
    const detail = `A policy of the customer blocks service providers (Partner Center answers ${number}).`;
    return { code: 'blocked_by_policy', detail, nextStep: adviceFor('blocked_by_policy', 'operator') };
  }
  if (status === 403) return { ...roleMissing, detail: `Partner Center refuses access to this customer (${number}).` };
  if (status === 404) {
    return {
      code: 'tenant_unknown',
      detail: `Partner Center does not find the customer or the resource (${number}).`,
      nextStep: 'Check in Partner Center that the customer has a reseller or GDAP relationship with you.',
    };
  }
  if (status === 409) {
    return {
      code: 'consent_required',
      detail: `Partner Center answers that the consent exists (${number}), but the customer's directory lacks it.`,
      nextStep: `Run ${ptbCommand('tenants consent --renew', application)}, which withdraws the consent and gives it again.`,
    };
  }
  if (status === 429) {
    const wait = retryAfterSeconds === undefined ? 'a minute' : `${retryAfterSeconds} seconds`;
    const detail = `Partner Center throttles the requests (${number}).`;
    return { code: 'throttled', detail, nextStep: `Wait ${wait}. ${repeatCommand}` };
  }
  if (status >= 500)
    return { code: 'resource_error', detail: `Partner Center answers ${number}.`, nextStep: repeatCommand };
  return {
    code: 'job_failed',
    detail: `Partner Center refuses the consent (${number}).${said}`,
    nextStep: `Check the permissions of the application and its display name in the partner tenant. ${repeatCommand}`,
  };
}

/** The roles that a consent through Partner Center needs (GDAP FAQ). */
const roleMissing = {
  code: 'access_denied',
  nextStep:
    'Make the service account a member of AdminAgents, and of a security group to which the GDAP relationship with this customer assigns the role Cloud Application Administrator (or Application Administrator).',
} as const;

/** MFA is enforced since 2026-04-01. */
function refusedToken({ code, message }: ConsentAnswer, number: string, application: string): ConsentProblem {
  return code === '900421' || /\bMFA\b/i.test(message)
    ? {
        code: 'interaction_required',
        detail: `Partner Center refuses the service account, because it signed in without MFA (${number}).`,
        nextStep: `Run ${ptbCommand('consent', application)} and sign in with MFA.`,
      }
    : {
        code: 'access_denied',
        detail: `Partner Center refuses the token of the service account (${number}).`,
        nextStep: `Run ${ptbCommand('doctor', application)}.`,
      };
}

/** Explains why the consent of a customer could not be read. */
export function readingProblem(error: BrokerError, application: string): ConsentProblem {
  const { code, detail } = error;
  if (code === 'access_denied') {
    return {
      code,
      detail: `The consent could not be read in this customer: ${detail}`,
      nextStep:
        'The service account needs a role there that reads the directory, such as Cloud Application Administrator, and the application needs Directory.Read.All of Microsoft Graph.',
    };
  }
  if (code === 'consent_required' && !isConsentAbsent(error)) {
    return {
      code,
      detail,
      nextStep:
        'Ask the customer to enable the enterprise application for sign-in and to switch off "Assignment required" for it.',
    };
  }
  return { code, detail, nextStep: adviceFor(code, 'operator', application) };
}
