import { isoTime, type Clock } from '../../lib/core/clock.ts';
import { hourMs } from '../../lib/core/durations.ts';
import { applicationPath } from '../../lib/tokens/credential/client-keys.ts';
import { issueClientSecret, removeClientSecret } from '../../lib/tokens/credential/client-secret.ts';
import type { ClientCredential, StoredClientCredential } from '../../lib/core/secrets.ts';
import {
  proveClientCredential,
  type RedeemAsApplicationDeps,
} from '../../lib/tokens/credential/prove-client-credential.ts';
import { toBrokerError } from '../../lib/core/errors.ts';
import type { GraphWriter } from '../../lib/microsoft/graph.ts';

interface TemporarySecretDeps extends RedeemAsApplicationDeps {
  readonly clock: Clock;
  /** Not bound to `signal`: Ctrl+C must not prevent the removal, or lose the reply with the id of the new secret. */
  readonly writer: GraphWriter;
  /** Aborts the wait until Entra accepts the secret. The work handles the signal itself. */
  readonly signal: AbortSignal;
  /** Called with a sentence about a secret that could not be removed. */
  readonly warn: (sentence: string) => void;
}

/**
 * Lifetime of the secret. Long enough for any work, even if the clock of the machine is off by minutes. Short, because a
 * killed process leaves the secret behind and the daily timer removes only secrets that its vault holds.
 */
const lifeMs = hourMs;

/**
 * Adds a client secret to the application, runs the work and removes the secret. For a machine without the managed
 * identity, because only the application itself can redeem refresh tokens and authorization codes. The secret is never
 * stored. If the process is killed before the removal, the secret expires within an hour.
 * @throws BrokerError client_credential_rejected when Entra does not accept the secret within about two minutes; what the
 * work throws; the signal's reason. A failed removal is a warning, because the work is done.
 */
export async function withTemporarySecret<T>(
  deps: TemporarySecretDeps,
  client: StoredClientCredential,
  work: (credential: ClientCredential) => Promise<T>,
): Promise<T> {
  const { clock, signal, writer } = deps;
  signal.throwIfAborted();
  const path = applicationPath(client.clientId);
  const { secret, keyId, endsAtMs } = await issueClientSecret(writer, clock, path, { lifeMs });
  try {
    const credential: ClientCredential = { kind: 'secret', secret };
    const untilAborted: Clock = { nowMs: () => clock.nowMs(), sleep: (ms) => clock.sleep(ms, signal) };
    await proveClientCredential({ ...deps, clock: untilAborted }, { ...client, credential });
    signal.throwIfAborted();
    return await work(credential);
  } finally {
    await removeClientSecret(writer, path, keyId).catch((thrown: unknown) => {
      const { detail } = toBrokerError(thrown);
      const expiry = `It expires at ${isoTime(endsAtMs)}.`;
      deps.warn(`The temporary client secret ${keyId} could not be removed from the application: ${detail} ${expiry}`);
    });
  }
}
