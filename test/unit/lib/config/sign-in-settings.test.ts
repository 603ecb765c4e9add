import { describe, expect, it } from 'vitest';
import { signInSettings } from '../../../../src/lib/config/environment.ts';

const tenantId = '99999999-9999-4999-8999-999999999999';
const clientId = '33333333-3333-4333-8333-333333333333';
const broker = '11111111-1111-4111-8111-111111111111';
const usual = {
  PARTNER_TENANT_ID: tenantId,
  BROKER_AUDIENCES: `${broker},api://${tenantId}/broker`,
  SIGN_IN_CLIENT_ID: clientId,
};

describe('signInSettings', () => {
  it('names the authority of the cloud, the client, and the scope below the App ID URI', () => {
    expect(signInSettings(usual)).toEqual({
      entraEndpoint: 'https://login.microsoftonline.com',
      tenantId,
      clientId,
      scope: `api://${tenantId}/broker/access_as_user`,
    });
    expect(signInSettings({ ...usual, MICROSOFT_CLOUD: 'china' })).toMatchObject({
      entraEndpoint: 'https://login.partner.microsoftonline.cn',
    });
  });

  it('uses the client id of the broker if there is no App ID URI', () => {
    expect(signInSettings({ ...usual, BROKER_AUDIENCES: broker })).toMatchObject({ scope: `${broker}/access_as_user` });
  });

  it('works while other settings are missing or wrong', () => {
    expect(signInSettings({ ...usual, KEY_VAULT_URL: 'banana', ENTRA_CONCURRENCY: '-1' })).toMatchObject({ clientId });
  });

  it.each([
    [{ SIGN_IN_CLIENT_ID: undefined }, /SIGN_IN_CLIENT_ID is missing/],
    [{ SIGN_IN_CLIENT_ID: '' }, /SIGN_IN_CLIENT_ID is missing/],
    [{ SIGN_IN_CLIENT_ID: 'the-secret' }, /SIGN_IN_CLIENT_ID is missing or wrong/],
    [{ PARTNER_TENANT_ID: undefined }, /PARTNER_TENANT_ID is missing or wrong/],
    [{ BROKER_AUDIENCES: '' }, /BROKER_AUDIENCES is missing or wrong/],
  ])('says which setting is at fault, without its value: %j', (change, text) => {
    const problem = signInSettings({ ...usual, ...change });
    expect(problem).toMatch(text);
    expect(problem).not.toContain('the-secret');
  });
});
