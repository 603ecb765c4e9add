import { graphStatus } from '../../microsoft/graph.ts';
import type { Clock } from '../../core/clock.ts';
import { errorFields, type Logger } from '../../core/log.ts';
import type { CredentialJournal } from './credential-journal.ts';
import type { CredentialStore } from './credential-store.ts';
import { readKeyMark } from './held-keys.ts';
import type { IdentityTrust } from './identity-trust.ts';
import { redeemAsApplication, type RedeemAsApplicationDeps } from './prove-client-credential.ts';
import type { RenewalDeps } from './superseded-keys.ts';
import { namesOf, readKeyLists, unknownKeys } from './registered-keys.ts';

export interface CheckKeysDeps extends RedeemAsApplicationDeps {
  readonly store: CredentialStore;
  readonly journal: CredentialJournal;
  readonly clock: Clock;
  readonly log: Logger;
  readonly graphOf: RenewalDeps['graphOf'];
  /**
   * The federated credential that the managed identity of this program needs. Undefined if it has none.
   * @throws Error if the identity does not answer.
   */
  readonly identityTrust: () => Promise<IdentityTrust | undefined>;
}

/**
 * Names keys of the application that this vault does not hold: somebody who had an access token may have added one. Warns
 * about a key once, because another broker may keep its key for years. Does nothing if the application may not read itself.
 * Failures are logged.
 */
export async function checkKeys(deps: CheckKeysDeps, application: string): Promise<void> {
  const { store, journal, clock, log } = deps;
  try {
    const { client } = await store.load(application);
    const reply = await redeemAsApplication(deps, client);
    if (!reply.ok) return;
    const { graph } = deps.graphOf(reply.token.accessToken);
    const lists = await readKeyLists(graph, client.clientId);
    const mark = await readKeyMark(store, application);
    const trust = lists.trusts.length === 0 ? undefined : await deps.identityTrust();
    const known = { mark, stored: client, trust };
    const keys = namesOf(unknownKeys(lists, known, clock.nowMs()));
    const before = (await journal.read(application)).unknownKeys ?? '';
    if (keys !== '') log.log(keys === before ? 'info' : 'warn', 'credential.unknown_keys', { application, keys });
    if (keys !== before) await journal.recordUnknownKeys(application, keys);
  } catch (thrown) {
    if (graphStatus(thrown) === 403) return;
    log.log('warn', 'credential.key_check_failed', { application, ...errorFields(thrown) });
  }
}
