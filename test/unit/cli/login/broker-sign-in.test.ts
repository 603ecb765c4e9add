import { expect, it } from 'vitest';
import { readBrokerSignIn } from '../../../../src/cli/login/broker-sign-in.ts';

const usual = {
  entraEndpoint: 'https://login.microsoftonline.com',
  tenantId: '99999999-9999-4999-8999-999999999999',
  clientId: '33333333-3333-4333-8333-333333333333',
  scope: 'api://broker/access_as_user',
};
const read = (answer: unknown, url = 'https://broker.example', status = 200) =>
  readBrokerSignIn(async () => Response.json(answer, { status }), url);

it('returns how people sign in, at Microsoft or, on this machine, in a simulated cloud', async () => {
  expect(await read({ ...usual, more: 'later' })).toEqual(usual);
  const simulated = { ...usual, entraEndpoint: 'https://127.0.0.1:4567' };
  expect(await read(simulated, 'http://127.0.0.1:7071')).toEqual(simulated);
});

it.each([
  ['another place to sign in', { ...usual, entraEndpoint: 'https://login.evil.example' }],
  ['a place that only starts like it', { ...usual, entraEndpoint: 'https://login.microsoftonline.com.evil.example' }],
  ['a simulated cloud far away', { ...usual, entraEndpoint: 'https://127.0.0.1:4567' }],
  ['a token for Microsoft Graph', { ...usual, scope: 'https://graph.microsoft.com/.default' }],
  ['a second scope', { ...usual, scope: 'https://graph.microsoft.com/.default api://broker/access_as_user' }],
  ['no tenant', { ...usual, tenantId: 'common' }],
])('refuses %s', async (_what, answer) => {
  await expect(read(answer)).rejects.toMatchObject({
    code: 'resource_error',
    nextStep: expect.stringMatching(/^Do not sign in/) as string,
  });
});

it('passes on which setting is missing', async () => {
  const answer = { problem: 'The setting SIGN_IN_CLIENT_ID is missing.', advice: 'Set it.' };
  await expect(read(answer)).rejects.toMatchObject({ code: 'config_invalid', nextStep: 'Set it.' });
});

it.each([
  [{}, 404],
  [usual, 503],
  ['text', 200],
])('says that the server is no broker with a sign-in: %j, %i', async (answer, status) => {
  await expect(read(answer, 'https://broker.example', status)).rejects.toMatchObject({ code: 'resource_error' });
});
