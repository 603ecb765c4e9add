import { RestError } from '@azure/core-rest-pipeline';
import { expect, it } from 'vitest';
import { keyVaultFailure } from '../../../../src/lib/credential/key-vault-failure.ts';
import { errorFields } from '../../../../src/lib/log.ts';

it('keeps out of the log what the SDK says of a reply that it cannot read: it quotes the secret', () => {
  const parsing = new RestError('Error "SyntaxError" occurred while parsing the response body - {"value":"the-secret', {
    code: 'PARSE_ERROR',
    statusCode: 200,
  });
  const failure = keyVaultFailure(parsing, false);
  expect(JSON.stringify(errorFields(failure))).not.toContain('the-secret');
  expect(failure.logFields).toEqual({ httpStatus: 200, sdkError: 'RestError', sdkCode: 'PARSE_ERROR' });
});

it('tells the log why no reply came', () => {
  const unreachable = new RestError('getaddrinfo ENOTFOUND vault.example', { code: 'ENOTFOUND' });
  expect(errorFields(keyVaultFailure(unreachable, false))).toMatchObject({
    code: 'key_vault_unavailable',
    sdkCode: 'ENOTFOUND',
    cause: 'RestError: getaddrinfo ENOTFOUND vault.example',
  });
});
