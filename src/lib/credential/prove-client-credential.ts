import type { Clock } from '../runtime/clock.ts';
import { errorOf, type TokenReply } from '../entra/judge-token-reply.ts';
import type { Redeemer } from '../entra/redeemer.ts';
import type { Logger } from '../runtime/log.ts';
import { retry } from '../runtime/retry.ts';
import type { Secret } from '../model/secret.ts';
import { orphanAgeMs } from './client-keys.ts';
import type { StoredClientCredential } from '../model/credential.ts';
import type { CredentialStore } from './credential-store.ts';
import { versionsKept } from './rotate.ts';

export interface RedeemAsItselfDeps {
  readonly redeemer: Redeemer;
  readonly newId: () => string;
  /** Microsoft Graph's name with Entra. */
  readonly graphIdentifier: string;
}

/** What of a stored client credential it takes to use it. */
export type UsableClient = Pick<StoredClientCredential, 'clientId' | 'tenantId' | 'credential'>;

/** Whether the application itself may be new to some of Entra's servers, so that any refusal may pass. */
export type Patience = 'known application' | 'new application';

/** Entra's servers learn of a new credential one after the other: until all do, the old one stays. */
const spreadingMs = [3_000, 5_000, 10_000, 20_000, 30_000, 30_000] as const;

/**
 * Uses a client credential by itself, again while Entra's servers may not know it yet.
 * @param beforeNextTry what may help it.
 * @throws BrokerError as soon as it is plain that it does not work.
 */
export async function proveClientCredential(
  deps: RedeemAsItselfDeps & { readonly clock: Clock },
  client: UsableClient,
  beforeNextTry: () => Promise<void> = () => Promise.resolve(),
  patience: Patience = 'known application',
): Promise<void> {
  const reply = await retry(() => redeemAsItself(deps, client), {
    clock: deps.clock,
    attempts: spreadingMs.length + 1,
    afterValue: async (last, attempt) => {
      if (last.ok) return undefined;
      const { code, reach } = last.failure;
      const mayPass = reach === 'transient' || code === 'client_credential_rejected' || patience === 'new application';
      if (!mayPass) return undefined;
      await beforeNextTry();
      return spreadingMs[attempt - 1];
    },
  });
  if (!reply.ok) throw errorOf(reply.failure);
}

/** A token of the application for itself in its own tenant. */
export function redeemAsItself(deps: RedeemAsItselfDeps, client: UsableClient): Promise<TokenReply> {
  return deps.redeemer.redeem({
    tenantId: client.tenantId,
    resourceIdentifier: deps.graphIdentifier,
    clientId: client.clientId,
    clientCredential: client.credential,
    grant: { kind: 'application' },
    correlationId: deps.newId(),
  });
}

/** Whether Entra plainly refuses it: not where Entra stumbles, or no managed identity is here to ask with. */
export async function isRefused(deps: RedeemAsItselfDeps, client: UsableClient): Promise<boolean> {
  const reply = await redeemAsItself(deps, client);
  return !reply.ok && reply.failure.code === 'client_credential_rejected';
}

export interface WorkingClientDeps extends RedeemAsItselfDeps {
  readonly store: CredentialStore;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface WorkingClient {
  readonly client: StoredClientCredential;
  readonly token: Secret;
}

/**
 * The stored client credential with a token of the application for itself; where Entra refuses the newest version, one
 * of those before it, and the refused ones are disabled. Somebody may have stored a wrong one by hand, or a run was
 * killed while another one's list took its certificate off the application.
 * @throws BrokerError client_credential_rejected when none works, and what else Entra answers.
 */
export async function workingClient(
  deps: WorkingClientDeps,
  application: string,
  newest: StoredClientCredential,
): Promise<WorkingClient> {
  const first = await redeemAsItself(deps, newest);
  if (first.ok) return { client: newest, token: first.token.accessToken };
  const failure = errorOf(first.failure);
  if (failure.code !== 'client_credential_rejected') throw failure;
  const enabled = (await deps.store.listClientCredentialVersions(application)).filter((each) => each.enabled);
  const refused = enabled.filter(({ version }) => version === newest.version);
  for (const version of enabled.filter((each) => !refused.includes(each)).slice(0, versionsKept - 1)) {
    const client = await deps.store.loadClientCredentialVersion(application, version.version);
    if (client?.clientId !== newest.clientId) continue;
    const reply = await redeemAsItself(deps, client);
    if (!reply.ok) {
      // Anything but a plain refusal says nothing about the version: it must not be taken out of use for that.
      if (reply.failure.code !== 'client_credential_rejected') throw errorOf(reply.failure);
      refused.push(version);
      continue;
    }
    const fields = { application, from: newest.version, to: client.version };
    deps.log.log('warn', 'credential.client_credential_fell_back', fields);
    for (const { version: old, createdAtMs } of refused) {
      // A young one may be another run's, which Entra's servers are still learning of.
      if (deps.clock.nowMs() - createdAtMs > orphanAgeMs)
        await deps.store.disableClientCredentialVersion(application, old);
    }
    return { client, token: reply.token.accessToken };
  }
  throw failure;
}
