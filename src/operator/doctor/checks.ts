import type { CheckKeysDeps } from '../../lib/tokens/credential/check-keys.ts';
import type { CredentialStore } from '../../lib/tokens/credential/credential-store.ts';
import { readKeyMark } from '../../lib/tokens/credential/held-keys.ts';
import {
  redeemAsApplication,
  type RedeemAsApplicationDeps,
} from '../../lib/tokens/credential/prove-client-credential.ts';
import { namesOf, readKeyLists, unknownKeys } from '../../lib/tokens/credential/registered-keys.ts';
import type { GraphClient } from '../../lib/microsoft/client.ts';
import { graphStatus } from '../../lib/microsoft/graph.ts';
import { ptbCommand } from '../../lib/core/advice.ts';
import type { ClientCredential, StoredClientCredential } from '../../lib/core/secrets.ts';
import { toBrokerError } from '../../lib/core/errors.ts';
import type { Secret } from '../../lib/core/secret.ts';
import type { Clock } from '../../lib/core/clock.ts';
import { type Check, ok } from './check.ts';

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
    if (graphStatus(thrown) === 403) {
      return { check, status: 'skipped', message: 'Not checked, because the application may not read itself.' };
    }
    return { check, status: 'notice', message: `The keys could not be read: ${toBrokerError(thrown).detail}` };
  }
}

interface OwnKeysDeps extends KeysCheckDeps, RedeemAsApplicationDeps {
  /** Microsoft Graph in the partner tenant with this token. */
  readonly partnerGraph: (token: Secret) => Pick<GraphClient, 'get'>;
}

/**
 * Names the keys of the application that this vault does not hold, with a token of the application itself.
 * @param temporary the client secret that stands in for the managed identity, see temporary-secret.ts.
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
