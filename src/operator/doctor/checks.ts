import { isLocked } from '../../lib/consent/directory-state.ts';
import { callerRoles } from '../../lib/core/caller.ts';
import type { Clock } from '../../lib/core/clock.ts';
import { adviceFor, type BrokerError, type ErrorCode, ptbCommand, toBrokerError } from '../../lib/core/errors.ts';
import type { TenantId } from '../../lib/core/identifiers.ts';
import { objectOf, objectsIn, textsIn } from '../../lib/core/objects.ts';
import type { ClientCredential, Secret, StoredClientCredential } from '../../lib/core/secrets.ts';
import { type GraphClient, graphStatus } from '../../lib/microsoft/graph.ts';
import { applicationPath } from '../../lib/tokens/credential/client-keys.ts';
import type { CredentialStore } from '../../lib/tokens/credential/credential-store.ts';
import type { CheckKeysDeps } from '../../lib/tokens/credential/keep-alive.ts';
import {
  redeemAsApplication,
  type RedeemAsApplicationDeps,
} from '../../lib/tokens/credential/prove-client-credential.ts';
import { namesOf, readKeyLists, readKeyMark, unknownKeys } from '../../lib/tokens/credential/registered-keys.ts';
import { apiIdentifier, missingAgentClaims } from '../setup/api-application.ts';

/** Result of one check. `skipped`: the check does not apply or could not be done. */
export interface Check {
  readonly check: string;
  readonly status: 'ok' | 'notice' | 'warning' | 'failed' | 'skipped';
  readonly message: string;
  /** What to do. Absent if nothing has to be done. */
  readonly remedy?: string;
  readonly code?: ErrorCode;
  /** The customers that the message counts. Only in JSON. */
  readonly affected?: readonly AffectedCustomer[];
}

/** A customer that a check is about, with the facts that matter to the check. */
export interface AffectedCustomer {
  readonly tenantId: TenantId;
  readonly name: string;
  readonly [fact: string]: unknown;
}

type Attempt<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly check: Check; readonly failure: BrokerError };

/**
 * Runs `work` and returns a failed check if it throws.
 * @param application the checked application, which the remedy names.
 */
export async function attempt<T>(application: string, check: string, work: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (thrown) {
    const failure = toBrokerError(thrown);
    return { ok: false, check: failed(application, check, failure), failure };
  }
}

export const ok = (check: string, message: string): Check => ({ check, status: 'ok', message });

export const failed = (application: string, check: string, { code, detail }: BrokerError): Check => ({
  check,
  status: 'failed',
  code,
  message: detail,
  remedy: adviceFor(code, 'operator', application),
});

export const skipped = (check: string): Check => ({
  check,
  status: 'skipped',
  message: 'Not checked, because an earlier check failed or was skipped.',
});

interface KeysCheckDeps {
  readonly application: string;
  readonly store: CredentialStore;
  readonly clock: Clock;
  readonly identityTrust: CheckKeysDeps['identityTrust'];
}

const check = 'Keys';

/**
 * Names the keys of the application in Entra that this vault does not hold.
 * @param graph with a token of the application itself.
 */
export async function keysCheck(
  { application, store, clock, identityTrust }: KeysCheckDeps,
  client: StoredClientCredential,
  graph: Pick<GraphClient, 'get'>,
): Promise<Check> {
  try {
    const lists = await readKeyLists(graph, client.clientId);
    const mark = await readKeyMark(store, application);
    const trust = lists.trusts.length === 0 ? undefined : await identityTrust();
    const known = { mark, stored: client, trust };
    const unknown = unknownKeys(lists, known, clock.nowMs());
    if (unknown.length === 0) {
      const unread = lists.ofPrincipal === undefined ? ' The keys of its service principal could not be read.' : '';
      return ok(check, `This vault holds every key of the application.${unread}`);
    }
    const isTrust = unknown.map(({ kind }) => kind === 'federated credential');
    const isBlind = trust === undefined && isTrust.includes(true);
    const hint = isBlind ? ' This machine has no managed identity, so it recognizes no federated credential.' : '';
    const message = `The application has keys in Entra that this vault does not hold: ${namesOf(unknown)}.${hint}`;
    // One of them is the broker's own, which the app itself recognizes every day.
    if (isBlind && unknown.length === 1) return { check, status: 'notice', message };
    return {
      check,
      // Another broker with a vault of its own may share the application.
      status: unknown.every(({ isMarked }) => isMarked) ? 'notice' : 'warning',
      message,
      remedy: `If neither another broker nor somebody of yours added them, treat it as an incident and run ${ptbCommand('revoke', application)}. Otherwise remove them in Entra once they are not needed.`,
    };
  } catch (thrown) {
    if (graphStatus(thrown) === 403)
      return { check, status: 'skipped', message: 'Not checked, because the application may not read itself.' };
    return { check, status: 'notice', message: `The keys could not be read: ${toBrokerError(thrown).detail}` };
  }
}

/**
 * Says what `ptb setup` would harden in the application.
 * @param graph with a token of the application itself.
 */
export async function hardeningCheck(
  application: string,
  clientId: string,
  graph: Pick<GraphClient, 'get'>,
): Promise<Check> {
  const name = 'Hardening';
  try {
    const registered = await graph.get(`${applicationPath(clientId)}?$select=servicePrincipalLockConfiguration`);
    const principal = await graph.get(`/servicePrincipals(appId='${clientId}')?$select=appRoleAssignmentRequired`);
    const missing = [
      ...(isLocked(registered) ? [] : ['Administrators of customers can add keys to its service principals.']),
      ...(principal['appRoleAssignmentRequired'] === true
        ? []
        : ['Every user of the partner tenant can sign in to it, and so be made to hand over a refresh token for it.']),
    ];
    if (missing.length === 0)
      return ok(name, 'Only assigned users can sign in to the application, and its service principals are locked.');
    return {
      check: name,
      status: 'notice',
      message: missing.join(' '),
      remedy: `Run ${ptbCommand('setup', application)}.`,
    };
  } catch (thrown) {
    return unread(name, thrown);
  }
}

/**
 * Names the applications of `ptb setup api` whose tokens do not say whether a caller is an agent.
 * @param graph as the service account.
 */
export async function callersCheck(tenantId: TenantId, graph: Pick<GraphClient, 'list'>): Promise<Check> {
  const name = 'Callers';
  try {
    const own = encodeURIComponent(`identifierUris/any(uri:startswith(uri,'${apiIdentifier(tenantId, '')}'))`);
    const path = `/applications?$filter=${own}&$select=displayName,identifierUris,appRoles,optionalClaims`;
    const applications = (await Array.fromAsync(graph.list(path))).filter(({ appRoles }) =>
      objectsIn(appRoles).some(({ value }) => value === callerRoles[0]),
    );
    if (applications.length === 0)
      return { check: name, status: 'skipped', message: 'Not checked: there is no application of `ptb setup api`.' };
    const lacking = applications.filter((each) => missingAgentClaims(objectOf(each, 'optionalClaims')).length > 0);
    if (lacking.length === 0) return ok(name, 'Tokens of callers say whether the caller is an agent.');
    const names = lacking.flatMap(({ identifierUris }) => textsIn(identifierUris)).join(', ');
    return {
      check: name,
      status: 'notice',
      message: `Tokens for ${names} do not say whether the caller is an agent of Entra, so it is taken for a program or a person.`,
      remedy: 'Run `ptb setup api --no-roles` with --name, the last part of that address.',
    };
  } catch (thrown) {
    return unread(name, thrown);
  }
}

/** A check that could not be done. @param more what it needs, after a space. */
export const unread = (check: string, thrown: unknown, more = ''): Check => ({
  check,
  status: 'skipped',
  message: `Not checked: ${toBrokerError(thrown).detail}${more}`,
});

interface OwnKeysDeps extends KeysCheckDeps, RedeemAsApplicationDeps {
  /** Microsoft Graph in the partner tenant with this token. */
  readonly partnerGraph: (token: Secret) => Pick<GraphClient, 'get'>;
}

/**
 * Names the keys of the application that this vault does not hold, with a token of the application itself.
 * @param temporary the client secret that stands in for the managed identity, see `withTemporarySecret`.
 * @returns undefined if there are none, or they cannot be read.
 */
export async function unknownKeysNote(deps: OwnKeysDeps, temporary?: ClientCredential): Promise<string | undefined> {
  const client = await deps.store.load(deps.application).then(
    (stored) => stored.client,
    () => undefined,
  );
  if (client === undefined) return undefined;
  const reply = await redeemAsApplication(deps, client);
  if (!reply.ok) return undefined;
  const used = { ...client, credential: temporary ?? client.credential };
  const { remedy, message } = await keysCheck(deps, used, deps.partnerGraph(reply.token.accessToken));
  return remedy === undefined ? undefined : `${message} ${remedy}`;
}
