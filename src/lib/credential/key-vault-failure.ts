import { BrokerError } from '../model/errors.ts';
import { httpStatusOf } from '../runtime/sdk-error.ts';

/** The error code of the SDK: `PARSE_ERROR`, `ENOTFOUND`, `Forbidden`. */
function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code.slice(0, 100) : undefined;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : '');

/**
 * Whether a request is refused by the network rules of the vault and not for a missing role. Decided by the message of
 * Key Vault: the SDK drops the code, `ForbiddenByFirewall` or `ForbiddenByConnection` in `innererror`.
 */
const isRefusedByNetwork = (error: unknown): boolean =>
  httpStatusOf(error) === 403 &&
  /client address is not authorized|public ?network ?access|approved private link|ForbiddenBy(?:Firewall|Connection)/i.test(
    messageOf(error),
  );

/** Whether a version of a secret is disabled. A vault without public network access says "disabled" too. */
export const isDisabled = (error: unknown): boolean =>
  httpStatusOf(error) === 403 && !isRefusedByNetwork(error) && /SecretDisabled|disabled/i.test(messageOf(error));

/**
 * Translates an error of the Key Vault or identity SDK to `key_vault_unavailable`, with a sentence that names the
 * reason. The SDK's message is logged only if no reply came: for a reply that it cannot parse, the message is "occurred
 * while parsing the response body" followed by the body, with the secret in it.
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
      'The identity that should read Key Vault has no token: no managed identity is assigned, or `az login` is missing.',
      options,
    );
  }
  if (status === 401)
    return new BrokerError(
      'key_vault_unavailable',
      'Key Vault does not accept the identity (401): vault and identity are in different tenants.',
      options,
    );
  if (status === 403) {
    const detail = isRefusedByNetwork(error)
      ? 'The network rules of the vault keep this program out (403).'
      : 'The identity may not do this (403): it lacks the role Partner Token Broker Secret Keeper (or Key Vault Secrets Officer).';
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
