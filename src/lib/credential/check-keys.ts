import { graphStatus } from '../graph/write.ts';
import type { TenantId } from '../model/identifiers.ts';
import type { Clock } from '../runtime/clock.ts';
import { errorFields, type Logger } from '../runtime/log.ts';
import { clientCredentialName } from '../model/credential.ts';
import { applicationPath, keyMark } from './client-keys.ts';
import type { CredentialJournal } from './credential-journal.ts';
import type { CredentialStore } from './credential-store.ts';
import { redeemAsApplication, type RedeemAsApplicationDeps } from './prove-client-credential.ts';
import type { RenewalDeps } from './renew-client-credential.ts';
import { type KnownKeys, namesOf, readKeyLists, unknownKeys } from './unknown-keys.ts';

interface CheckKeysDeps extends RedeemAsApplicationDeps {
  readonly store: CredentialStore;
  readonly journal: CredentialJournal;
  readonly clock: Clock;
  readonly log: Logger;
  readonly graphOf: RenewalDeps['graphOf'];
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
    const lists = await readKeyLists(graph, applicationPath(client.clientId));
    const mark = keyMark(store.vault, application, await store.listClientCredentialVersions(application));
    const known = { mark, stored: client, isTrusted: isTrustOfBroker(client.tenantId) };
    const keys = namesOf(unknownKeys(lists, known, clock.nowMs()));
    const before = (await journal.read(application)).unknownKeys ?? '';
    if (keys !== '') log.log(keys === before ? 'info' : 'warn', 'credential.unknown_keys', { application, keys });
    if (keys !== before) await journal.recordUnknownKeys(application, keys);
  } catch (thrown) {
    if (graphStatus(thrown) === 403) return;
    log.log('warn', 'credential.key_check_failed', { application, ...errorFields(thrown) });
  }
}

/**
 * The app does not know the object ids of the managed identities that `ptb setup` trusted, its own and that of a stand-by.
 * It knows their names, and that they belong to the partner tenant.
 */
export const isTrustOfBroker =
  (tenantId: TenantId): KnownKeys['isTrusted'] =>
  ({ name, issuer }) =>
    name.startsWith(`${clientCredentialName}-`) && issuer.includes(`/${tenantId}/`);
