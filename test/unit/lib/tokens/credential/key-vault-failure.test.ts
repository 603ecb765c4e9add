import { RestError } from '@azure/core-rest-pipeline';
import { expect, it } from 'vitest';
import { isDisabled, keyVaultFailure } from '../../../../../src/lib/tokens/credential/key-vault-secrets.ts';
import { errorFields } from '../../../../../src/lib/core/log.ts';

it('does not log the SDK message about an unreadable reply, because it quotes the secret', () => {
  const parsing = new RestError('Error "SyntaxError" occurred while parsing the response body - {"value":"the-secret', {
    code: 'PARSE_ERROR',
    statusCode: 200,
  });
  const failure = keyVaultFailure(parsing, false);
  expect(JSON.stringify(errorFields(failure))).not.toContain('the-secret');
  expect(failure.logFields).toEqual({ httpStatus: 200, sdkError: 'RestError', sdkCode: 'PARSE_ERROR' });
});

it('logs why no reply arrived', () => {
  const unreachable = new RestError('getaddrinfo ENOTFOUND vault.example', { code: 'ENOTFOUND' });
  expect(errorFields(keyVaultFailure(unreachable, false))).toMatchObject({
    code: 'key_vault_unavailable',
    sdkCode: 'ENOTFOUND',
    cause: 'RestError: getaddrinfo ENOTFOUND vault.example',
  });
});

const named = (name: string, message = ''): Error => Object.assign(new Error(message), { name });
const status = (statusCode: number, message = ''): RestError => new RestError(message, { statusCode });

it.each([
  [undefined, true, 'Key Vault did not answer in time.'],
  [named('CredentialUnavailableError'), false, /^The identity that reads Key Vault has no token/],
  [status(401), false, /^Key Vault does not accept the identity \(401\)/],
  [status(403), false, /^The identity lacks the role .* \(403\)\.$/],
  [{ statusCode: 403 }, false, /^The identity lacks the role/],
  [status(429), false, 'Key Vault throttles the requests (429).'],
  [status(500), false, 'Key Vault answered HTTP 500.'],
  ['no error at all', false, /^Key Vault could not be reached/],
] as const)('describes the failure %s in one sentence', (error, timedOut, detail) => {
  const failure = keyVaultFailure(error, timedOut);
  expect(failure.code).toBe('key_vault_unavailable');
  expect(failure.detail).toEqual(typeof detail === 'string' ? detail : expect.stringMatching(detail));
});

// Messages of Key Vault as quoted in public reports. The text after the first line names the caller.
const refusedByNetwork = [
  'Client address is not authorized and caller was ignored because bypass is set to None.\r\nClient address: 192.0.2.1',
  'Client address is not authorized and caller is not a trusted service.\r\nClient address: 192.0.2.1',
  'Public network access is disabled and request is not from a trusted service nor via an approved private link.',
  "Connection is not an approved private link and caller was ignored because bypass is set to 'None' and PublicNetworkAccess is set to 'Disabled'.",
];

it.each(refusedByNetwork)('attributes the refusal to the network rules, not to a disabled secret: %s', (message) => {
  const error = status(403, message);
  expect(keyVaultFailure(error, false).detail).toBe('The network rules of the vault block this program (403).');
  expect(isDisabled(error)).toBe(false);
});

it('distinguishes a missing role from a disabled secret', () => {
  const role = status(403, "Caller is not authorized to perform action on resource. Action: '…/getSecret/action'");
  expect(keyVaultFailure(role, false).detail).toMatch(/lacks the role/);
  expect(isDisabled(status(403, 'Operation get is not allowed on a disabled secret.'))).toBe(true);
});
