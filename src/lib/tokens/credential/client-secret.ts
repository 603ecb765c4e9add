import { dayMs } from '../../core/durations.ts';
import type { Clock } from '../../core/clock.ts';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import { textOf } from '../../microsoft/reply.ts';
import type { GraphWriter } from '../../microsoft/graph.ts';
import { Secret } from '../../core/secret.ts';
import { clientCredentialName } from '../../core/secrets.ts';

/**
 * Lifetime of a new client secret. The daily renewal starts 30 days before the end, so single failures do no harm. A
 * leaked secret expires within half a year.
 */
export const clientSecretLifeMs = 180 * dayMs;

export interface IssuedClientSecret {
  readonly secret: Secret;
  /** Entra's id of the secret, needed to remove it. */
  readonly keyId: string;
  readonly endsAtMs: number;
}

export interface ClientSecretOptions {
  /** Lifetime from now by this machine's clock, milliseconds. Default: {@link clientSecretLifeMs}. */
  readonly lifeMs?: number;
  /** Name of the secret in Entra. Default: {@link clientCredentialName}, for a secret that is never stored. */
  readonly displayName?: string;
}

/**
 * Adds a client secret to an application in Entra.
 * @param applicationPath `/applications/{objectId}` or `/applications(appId='…')`.
 * @throws BrokerError from Graph; resource_error if the reply contains no secret.
 */
export async function issueClientSecret(
  writer: GraphWriter,
  clock: Clock,
  applicationPath: string,
  { lifeMs = clientSecretLifeMs, displayName = clientCredentialName }: ClientSecretOptions = {},
): Promise<IssuedClientSecret> {
  const endDateTime = new Date(clock.nowMs() + lifeMs).toISOString();
  const reply = await writer.post(`${applicationPath}/addPassword`, {
    passwordCredential: { displayName, endDateTime },
  });
  const secretText = textOf(reply, 'secretText');
  const keyId = textOf(reply, 'keyId');
  if (!secretText || !keyId)
    throw new BrokerError('resource_error', 'Microsoft Graph did not return the new client secret.');
  const endsAtMs = Date.parse(textOf(reply, 'endDateTime') ?? endDateTime);
  return { secret: new Secret(secretText), keyId, endsAtMs };
}

/**
 * Removes a client secret from an application in Entra. Succeeds if the secret no longer exists.
 * @param applicationPath see {@link issueClientSecret}.
 * @throws BrokerError from Graph.
 */
export async function removeClientSecret(writer: GraphWriter, applicationPath: string, keyId: string): Promise<void> {
  try {
    await writer.post(`${applicationPath}/removePassword`, { keyId });
  } catch (thrown) {
    // Graph answers 400 or 404 if the application has no secret with this id.
    const status = toBrokerError(thrown).logFields['status'];
    if (status !== 400 && status !== 404) throw thrown;
  }
}
