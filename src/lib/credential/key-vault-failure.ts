import { BrokerError } from '../errors.ts';

/** The HTTP status in an error of the Azure SDK (`RestError.statusCode`), where there is one. */
export function statusOf(error: unknown): number | undefined {
  const status = (error as { statusCode?: unknown } | undefined)?.statusCode;
  return typeof status === 'number' ? status : undefined;
}

/** The SDK's own word for what went wrong: `PARSE_ERROR`, `ENOTFOUND`, `Forbidden`. */
function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code.slice(0, 100) : undefined;
}

/**
 * An error of the Key Vault or identity SDK as `key_vault_unavailable`, with a sentence that says which of the usual
 * reasons it is. The SDK's own words go to the log only where no reply came: about a reply that it cannot read it says
 * "occurred while parsing the response body", and then the body, with the secret in it.
 */
export function keyVaultFailure(error: unknown, timedOut: boolean): BrokerError {
  if (error instanceof BrokerError) return error;
  const status = statusOf(error);
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
    const network = /firewall|public network access|ForbiddenByConnection|ForbiddenByFirewall/i.test(
      error instanceof Error ? error.message : '',
    );
    const detail = network
      ? 'The network rules of the vault keep this program out (403).'
      : 'The identity may not do this (403): it lacks the role Key Vault Secrets User, or Secrets Officer for writing.';
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
