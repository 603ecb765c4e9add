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
  /** The identifier of Microsoft Graph at Entra. */
  readonly graphIdentifier: string;
}

/** The part of a stored client credential that is needed to use it. */
export type UsableClient = Pick<StoredClientCredential, 'clientId' | 'tenantId' | 'credential'>;

/** `new application`: some of Entra's servers may not know the application itself yet, so any refusal may pass. */
export type Patience = 'known application' | 'new application';

/** Pauses between attempts: Entra's servers learn of a new credential one after the other. */
const spreadingMs = [3_000, 5_000, 10_000, 20_000, 30_000, 30_000] as const;

/**
 * Proves that a client credential works, with repeated attempts while Entra's servers may not know it yet.
 * @param beforeNextTry is called before each pause, and may help the next attempt.
 * @throws BrokerError as soon as it is certain that it does not work.
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

/** Redeems a token for the application itself in its own tenant. */
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

/**
 * Whether Entra refuses the credential: false if Entra is unavailable, or if this machine lacks the managed identity.
 */
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
 * The stored client credential with a token for the application itself. If Entra refuses the newest version, an older
 * one is used and the refused ones are disabled. An operator may have stored a wrong one by hand, or a run was killed
 * while another run removed its certificate from the application.
 * @throws BrokerError client_credential_rejected if none works, and any other failure of Entra.
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
      // Any other failure says nothing about the version, which must not be disabled for it.
      if (reply.failure.code !== 'client_credential_rejected') throw errorOf(reply.failure);
      refused.push(version);
      continue;
    }
    const fields = { application, from: newest.version, to: client.version };
    deps.log.log('warn', 'credential.client_credential_fell_back', fields);
    for (const { version: old, createdAtMs } of refused) {
      // A recent version may belong to another run, and not all of Entra's servers may know it yet.
      if (deps.clock.nowMs() - createdAtMs > orphanAgeMs)
        await deps.store.disableClientCredentialVersion(application, old);
    }
    return { client, token: reply.token.accessToken };
  }
  throw failure;
}
