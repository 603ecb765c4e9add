import { BrokerError } from '../../core/errors.ts';
import { httpStatusOf } from '../../core/sdk-error.ts';

/** Returns the error code of the SDK, at most 100 characters: `PARSE_ERROR`, `ENOTFOUND`, `Forbidden`. */
function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code.slice(0, 100) : undefined;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : '');

/**
 * Whether the network rules of the vault blocked the request, not a missing role. Decided by Key Vault's message,
 * because the SDK drops the code (`ForbiddenByFirewall` or `ForbiddenByConnection` in `innererror`).
 */
export const isBlockedByNetwork = (error: unknown): boolean =>
  httpStatusOf(error) === 403 &&
  /client address is not authorized|public ?network ?access|approved private link|ForbiddenBy(?:Firewall|Connection)/i.test(
    messageOf(error),
  );

/**
 * Whether the error means that a version of a secret is disabled. The network check comes first, because a vault
 * without public network access also answers 403 with "disabled" in its message.
 */
export const isDisabled = (error: unknown): boolean =>
  httpStatusOf(error) === 403 && !isBlockedByNetwork(error) && /SecretDisabled|disabled/i.test(messageOf(error));

/**
 * Converts an error of the Key Vault or identity SDK to `key_vault_unavailable` with a detail that names the reason.
 * The error becomes the cause, and so reaches the log, only if there was no reply: if the SDK cannot parse a reply, its
 * message contains the body and with it the secret.
 * @param timedOut whether the operation reached its deadline.
 */
export function keyVaultFailure(error: unknown, timedOut: boolean): BrokerError {
  if (error instanceof BrokerError) return error;
  const status = httpStatusOf(error);
  const name = error instanceof Error ? error.name : '';
  const options = {
    ...(status === undefined ? { cause: error } : {}),
    logFields: { httpStatus: status, sdkError: name, sdkCode: codeOf(error) },
  };
  if (timedOut) return new BrokerError('key_vault_unavailable', 'Key Vault did not answer in time.', options);
  if (/CredentialUnavailable|AuthenticationError|AuthenticationRequired|AggregateAuthentication/.test(name)) {
    return new BrokerError(
      'key_vault_unavailable',
      'The identity that reads Key Vault has no token, because no managed identity is assigned or `az login` is missing.',
      options,
    );
  }
  if (status === 401)
    return new BrokerError(
      'key_vault_unavailable',
      'Key Vault does not accept the identity (401), because the vault is in a different tenant.',
      options,
    );
  if (status === 403) {
    const detail = isBlockedByNetwork(error)
      ? 'The network rules of the vault block this program (403).'
      : 'The identity lacks the role Partner Token Broker Secret Keeper (or Key Vault Secrets Officer) for this operation (403).';
    return new BrokerError('key_vault_unavailable', detail, options);
  }
  if (status === 429)
    return new BrokerError('key_vault_unavailable', 'Key Vault throttles the requests (429).', {
      ...options,
      retryAfterSeconds: 10,
    });
  if (status !== undefined)
    return new BrokerError('key_vault_unavailable', `Key Vault answered HTTP ${status}.`, options);
  return new BrokerError(
    'key_vault_unavailable',
    'Key Vault could not be reached; check KEY_VAULT_URL and the network.',
    options,
  );
}
