import { isoTime, type Clock } from '../runtime/clock.ts';
import { applicationPath } from '../credential/client-keys.ts';
import { issueClientSecret, removeClientSecret } from '../credential/client-secret.ts';
import type { ClientCredential, StoredClientCredential } from '../model/credential.ts';
import { proveClientCredential, type RedeemAsItselfDeps } from '../credential/prove-client-credential.ts';
import { toBrokerError } from '../model/errors.ts';
import type { GraphWriter } from '../graph/write.ts';

export interface TemporarySecretDeps extends RedeemAsItselfDeps {
  readonly clock: Clock;
  /** Not bound to `signal`: Ctrl+C must not stop the removal, nor lose the reply that says which secret was made. */
  readonly writer: GraphWriter;
  /** Ends the wait for Entra to know the secret; the work sees to it by itself. */
  readonly signal: AbortSignal;
  /** Hears of a secret that could not be taken away. */
  readonly warn: (sentence: string) => void;
}

/**
 * How long the secret is good for: longer than any piece of work takes, on a machine whose clock is off by minutes, and
 * short for a secret that a killed process leaves behind. Nobody else removes it: to the daily timer it is none that its
 * vault keeps.
 */
const lifeMs = 3_600_000;

/**
 * Lends the application a client secret for one piece of work and takes it away again. For a machine that does not have
 * the managed identity: refresh tokens, and the code that a browser brings, can only be redeemed by the application
 * itself. The secret is never stored; killed before it is taken away, it ends within an hour.
 * @throws BrokerError client_credential_rejected when Entra does not take it within about two minutes; what the work
 * throws; the signal's reason. A removal that fails is a warning: what the work did stays done.
 */
export async function withTemporarySecret<T>(
  deps: TemporarySecretDeps,
  client: StoredClientCredential,
  work: (credential: ClientCredential) => Promise<T>,
): Promise<T> {
  const { clock, signal, writer } = deps;
  signal.throwIfAborted();
  const path = applicationPath(client.clientId);
  const { secret, keyId, endsAtMs } = await issueClientSecret(writer, clock, path, lifeMs);
  try {
    const credential: ClientCredential = { kind: 'secret', secret };
    const untilAborted: Clock = { nowMs: () => clock.nowMs(), sleep: (ms) => clock.sleep(ms, signal) };
    await proveClientCredential({ ...deps, clock: untilAborted }, { ...client, credential });
    signal.throwIfAborted();
    return await work(credential);
  } finally {
    await removeClientSecret(writer, path, keyId).catch((thrown: unknown) => {
      const { detail } = toBrokerError(thrown);
      const until = `It ends by itself at ${isoTime(endsAtMs)}.`;
      deps.warn(`The lent client secret ${keyId} could not be removed from the application: ${detail} ${until}`);
    });
  }
}
