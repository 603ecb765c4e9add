import { dayMs } from '../model/durations.ts';
import type { Clock } from '../runtime/clock.ts';
import { BrokerError, toBrokerError } from '../model/errors.ts';
import { textOf } from '../graph/reply.ts';
import type { GraphWriter } from '../graph/write.ts';
import { Secret } from '../model/secret.ts';
import { clientCredentialName } from '../model/credential.ts';

/**
 * How long a new client secret is good for: long enough to miss a renewal or five, short enough to matter if it leaks.
 */
export const clientSecretLifeMs = 180 * dayMs;

export interface IssuedClientSecret {
  readonly secret: Secret;
  readonly keyId: string;
  readonly endsAtMs: number;
}

/**
 * Has Entra make a client secret.
 * @param applicationPath `/applications/{objectId}` or `/applications(appId='…')`.
 * @param lifeMs how long it is good for, by this machine's clock.
 * @param displayName what it is called at Entra; the bare name for one that is never stored.
 * @throws BrokerError from Graph; resource_error when the answer holds no secret.
 */
export async function issueClientSecret(
  writer: GraphWriter,
  clock: Clock,
  applicationPath: string,
  lifeMs: number = clientSecretLifeMs,
  displayName: string = clientCredentialName,
): Promise<IssuedClientSecret> {
  const endDateTime = new Date(clock.nowMs() + lifeMs).toISOString();
  const answer = await writer.post(`${applicationPath}/addPassword`, {
    passwordCredential: { displayName, endDateTime },
  });
  const secretText = textOf(answer, 'secretText');
  const keyId = textOf(answer, 'keyId');
  if (!secretText || !keyId) throw new BrokerError('resource_error', 'Microsoft Graph made no client secret.');
  const endsAtMs = Date.parse(textOf(answer, 'endDateTime') ?? endDateTime);
  return { secret: new Secret(secretText), keyId, endsAtMs };
}

/** Removes a client secret at Entra; one that is gone already counts as removed. */
export async function removeClientSecret(writer: GraphWriter, applicationPath: string, keyId: string): Promise<void> {
  try {
    await writer.post(`${applicationPath}/removePassword`, { keyId });
  } catch (thrown) {
    // Graph answers 400 or 404 for a key id that the application does not have.
    const status = toBrokerError(thrown).logFields['status'];
    if (status !== 400 && status !== 404) throw thrown;
  }
}
