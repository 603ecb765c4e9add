import { beforeEach, describe, expect, it } from 'vitest';
import type { TokenClaims, TokenReply } from '../../../../src/lib/microsoft/token-reply.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import type { Outcome } from '../../../../src/operator/revoke/revoke.ts';
import { aadstsFailure, failureReply } from '../../../fakes/fake-redeemer.ts';
import { refreshTokenOf } from '../../../fakes/memory-credential-store.ts';
import { problem } from '../../../fakes/scripted-fetch.ts';
import { accountId, clientId, RevokeBench } from './revoke-bench.ts';

// Whose refresh tokens the vault holds: what the tags say, and what the tokens themselves say.

const other = { objectId: 'other-id', username: 'other@partner.example' };
const sessionsOf = (id: string): string => `POST /v1.0/users/${id}/revokeSignInSessions`;
const failed = ({ results }: Outcome): readonly string[] =>
  results.filter(({ done }) => !done).map(({ detail }) => detail ?? '');

let bench: RevokeBench;
/** Accounts that Graph does not know. */
let missing: readonly string[];
beforeEach(async () => {
  bench = await RevokeBench.create();
  missing = [];
  bench.graph = ({ url }) =>
    missing.some((id) => decodeURIComponent(url.pathname).includes(`/users/${id}`))
      ? problem(404, 'Request_ResourceNotFound')
      : undefined;
});

/** Entra accepts the refresh token of version v2 until the sessions of its account are revoked. */
function secondTokenIsOf(claims: TokenClaims): void {
  const { script } = bench.redeemer;
  bench.redeemer.script = (redemption, nth): TokenReply | undefined => {
    const { grant } = redemption;
    if (grant.kind !== 'delegated' || grant.refreshToken.reveal() !== 'second') return script(redemption, nth);
    const isClientRefused = script({ ...redemption, grant: { kind: 'application' } }, nth);
    if (isClientRefused !== undefined) return isClientRefused;
    if (bench.requested().includes(sessionsOf(claims.objectId ?? ''))) return aadstsFailure(50173);
    const reply = bench.redeemer.token('stolen');
    return reply.ok ? { ok: true, token: { ...reply.token, claims } } : reply;
  };
}

describe('a refresh token whose version names no account', () => {
  beforeEach(() => {
    const named = bench.accountOf;
    bench.accountOf = (version) => (version === 'v2' ? {} : named(version));
  });

  it('is redeemed to find its account, and the sessions of that account are revoked', async () => {
    secondTokenIsOf(other);
    expect((await bench.texts()).filter((text) => text.startsWith('Find the account'))).toHaveLength(1);
    const { proof, proven } = await bench.revoke();
    expect(bench.requested()).toContain(sessionsOf('other-id'));
    expect(proven).toBe(true);
    expect(proof).toContainEqual(
      expect.objectContaining({ item: 'Refresh tokens of other@partner.example', proven: true }),
    );
    expect(proof).toContainEqual(expect.objectContaining({ item: 'Refresh token of version v2', aadsts: 50173 }));
  });

  it('needs no account if Entra refuses it', async () => {
    expect(await bench.revoke()).toMatchObject({ proven: true });
  });

  it.each([
    ['the version was disabled before', () => bench.store.disableRefreshTokenVersion('default', 'v2')],
    ['Entra does not answer', async () => void (bench.redeemer.script = () => failureReply())],
    ['the token does not name it', async () => secondTokenIsOf({})],
  ])('needs --account if %s', async (_what, before) => {
    const { script } = bench.redeemer;
    await before();
    const outcome = await bench.revoke();
    expect(outcome.proven).toBe(false);
    expect(failed(outcome)).toEqual([expect.stringContaining('Give --account.')]);
    bench.redeemer.script = script;
    expect(await bench.revoke({ account: 'broker@partner.example' })).toMatchObject({ proven: true });
  });
});

it('revokes the sessions of the owner of a token whose tags name another account', async () => {
  secondTokenIsOf(other);
  const { proven } = await bench.revoke();
  expect(proven).toBe(true);
  expect(bench.requested()).toContain(sessionsOf('other-id'));
});

it('tells two accounts apart that have the same name in tags and in a token', async () => {
  secondTokenIsOf({ objectId: 'other-id', username: 'broker@partner.example' });
  const { results, proven } = await bench.revoke();
  expect(proven).toBe(true);
  expect(results.map(({ step }) => step)).toContainEqual(expect.stringContaining('broker@partner.example (other-id)'));
  expect(bench.requested()).toContain(sessionsOf('other-id'));
});

it('revokes the sessions of both accounts that two versions name beside one object id', async () => {
  bench.accountOf = (version) => ({
    account: version === 'v2' ? 'broker@partner.example' : other.username,
    accountObjectId: accountId,
  });
  bench.graph = ({ method, url }) =>
    method === 'GET' && decodeURIComponent(url.pathname).endsWith(`/users/${other.username}`)
      ? { id: other.objectId, signInSessionsValidFromDateTime: new Date(bench.validFromMs).toISOString() }
      : undefined;
  // Otherwise the tokens themselves show whose they are.
  bench.store.loadClientCredentialVersion = () => Promise.reject(new BrokerError('credential_missing', 'No tags.'));
  expect(await bench.revoke()).toMatchObject({ proven: true });
  expect(bench.requested()).toEqual(expect.arrayContaining([sessionsOf(accountId), sessionsOf(other.username)]));
});

describe('an object id that names nobody', () => {
  beforeEach(() => {
    missing = ['nobody'];
  });

  it('is replaced by the account name', async () => {
    bench.accountOf = () => ({ account: 'broker@partner.example', accountObjectId: 'nobody' });
    expect(await bench.revoke()).toMatchObject({ proven: true });
    expect(bench.requested()).toContain(sessionsOf('broker@partner.example'));
  });

  it('is replaced by the owner of the token', async () => {
    bench.accountOf = () => ({ accountObjectId: 'nobody' });
    secondTokenIsOf(other);
    expect(await bench.revoke()).toMatchObject({ proven: true });
    expect(bench.requested()).toContain(sessionsOf('other-id'));
  });

  it('does not matter if Entra refuses the token', async () => {
    bench.accountOf = () => ({ accountObjectId: 'nobody' });
    bench.validFromMs = bench.clock.nowMs();
    expect(await bench.revoke()).toMatchObject({ proven: true });
  });

  it('fails until the operator names the account, if the token cannot be tried', async () => {
    bench.accountOf = () => ({ accountObjectId: 'nobody' });
    for (const version of ['v1', 'v2']) await bench.store.disableRefreshTokenVersion('default', version);
    const outcome = await bench.revoke();
    expect(failed(outcome)).toEqual([expect.stringMatching(/does not know the account nobody.*--account/)]);
    expect(outcome.proof).toContainEqual(
      expect.objectContaining({ proven: false, detail: expect.stringContaining('--account') as string }),
    );
    expect(await bench.revoke({ account: 'broker@partner.example' })).toMatchObject({ proven: true });
  });

  it('fails for an account that the operator names and that does not exist', async () => {
    expect(failed(await bench.revoke({ account: 'nobody' }))).toEqual([expect.stringContaining('nobody')]);
  });
});

it('names in the proof each value that cannot be read, and takes the lists as its proof', async () => {
  bench.store.loadClientCredentialVersion = () => Promise.reject(new BrokerError('credential_missing', 'No tags.'));
  const { proof, proven } = await bench.revoke();
  expect(proven).toBe(true);
  expect(proof.slice(3)).toEqual([
    {
      item: 'Refresh token of version v2',
      proven: true,
      detail: expect.stringMatching(/not tried: The vault holds no/),
    },
    {
      item: 'Refresh token of version v1',
      proven: true,
      detail: expect.stringMatching(/not tried: The vault holds no/),
    },
    { item: 'Client credential of version v1', proven: true, detail: expect.stringContaining('No tags.') },
  ]);
  expect(proof.map(({ detail }) => detail).join()).not.toContain('may work');
});

it('says that a value that cannot be read may work while a key is left', async () => {
  bench.store.loadRefreshTokenVersion = () => Promise.reject(new BrokerError('key_vault_unavailable', 'It is away.'));
  bench.graph = ({ url }) => (url.pathname.endsWith('/removePassword') ? problem(403, 'Denied') : undefined);
  const { proof, proven } = await bench.revoke();
  expect(proven).toBe(false);
  expect(proof.at(-1)).toMatchObject({ item: 'Refresh token of version v1', proven: false });
  expect(proof.at(-1)?.detail).toMatch(/It is away\..*may work/);
});

describe('a refresh token whose client Entra refuses', () => {
  beforeEach(() => {
    bench.secrets = [];
  });
  const tokens = ({ proof }: Outcome) => proof.filter(({ item }) => item.startsWith('Refresh token of version'));

  it('is proven by the sessions of the account that its version names, which the proof says', async () => {
    // Nothing shows any more that the application had the key of the vault.
    const outcome = await bench.revoke({ clientId });
    expect(outcome.proven).toBe(true);
    expect(tokens(outcome)).toHaveLength(2);
    for (const { aadsts, detail } of tokens(outcome)) {
      expect(aadsts).toBeUndefined();
      expect(detail).toMatch(/AADSTS7000215.*sessions of broker@partner\.example revoked/);
    }
  });

  it('is not proven if the sessions are not revoked', async () => {
    bench.graph = ({ url }) => (url.pathname.endsWith('/revokeSignInSessions') ? problem(403, 'Denied') : undefined);
    expect(tokens(await bench.revoke()).map(({ proven }) => proven)).toEqual([false, false]);
  });

  it('needs the right account if the tag names one that does not exist', async () => {
    missing = [accountId, 'broker'];
    const outcome = await bench.revoke();
    expect([outcome.proven, ...tokens(outcome).map(({ proven }) => proven)]).toEqual([false, false, false]);
    expect(failed(outcome)).toEqual([expect.stringContaining('--account')]);
  });
});

describe('an account that was deleted', () => {
  const deletedId = 'aaaaaaaa-1111-4111-8111-111111111111';
  beforeEach(() => {
    missing = [deletedId, 'broker@partner.example'];
    bench.deletedUsers = [
      {
        id: deletedId,
        userPrincipalName: `${deletedId.replaceAll('-', '')}Broker@partner.example`,
        deletedDateTime: '2026-11-24T08:00:00Z',
      },
    ];
    bench.secrets = [];
  });

  it.each([
    ['object id', { account: 'former-name@partner.example', accountObjectId: deletedId }],
    ['name', { account: 'broker@partner.example' }],
  ])('is found by its %s among the deleted ones, and the proof says so', async (_what, tags) => {
    missing = [...missing, 'former-name@partner.example'];
    bench.accountOf = () => tags;
    const { proof, proven } = await bench.revoke({ clientId });
    expect(proven).toBe(true);
    expect(proof.find(({ item }) => item.startsWith('Refresh tokens of'))?.detail).toMatch(/deleted at 2026-11-24T08/);
  });

  it('is proven by AADSTS50034 for its refresh tokens', async () => {
    bench.secrets = [{ keyId: 'secret-1', value: 'client-secret-1', hint: 'cli' }];
    bench.deletedUsers = [];
    bench.accountOf = () => ({ account: 'broker@partner.example' });
    const { script } = bench.redeemer;
    bench.redeemer.script = (redemption, nth) =>
      script(redemption, nth) ?? (redemption.grant.kind === 'delegated' ? aadstsFailure(50034) : undefined);
    const { proof, proven } = await bench.revoke();
    expect(proven).toBe(true);
    expect(proof).toContainEqual(expect.objectContaining({ item: 'Refresh token of version v2', aadsts: 50034 }));
  });

  it('needs the confirmation of the operator if it was deleted permanently and its tokens cannot be tried', async () => {
    bench.deletedUsers = [];
    bench.accountOf = () => ({ account: 'broker@partner.example' });
    const outcome = await bench.revoke();
    expect(failed(outcome)).toEqual([expect.stringMatching(/deleted permanently.*--account broker@partner\.example/)]);
    expect(await bench.revoke({ account: 'broker@partner.example', clientId })).toMatchObject({ proven: true });
  });
});

it('revokes the sessions of both accounts if the object id and the name of one version belong to different ones', async () => {
  bench.accountOf = () => ({ account: 'broker@partner.example', accountObjectId: 'somebody-else' });
  for (const version of ['v1', 'v2']) await bench.store.disableRefreshTokenVersion('default', version);
  let isNameRevoked = false;
  bench.graph = ({ url, method }) => {
    const path = decodeURIComponent(url.pathname);
    const id = path.includes('/users/broker') ? accountId : 'somebody-else';
    if (!path.includes('/users/')) return undefined;
    if (method !== 'GET') return void (isNameRevoked ||= id === accountId);
    const validFromMs = id === accountId && !isNameRevoked ? 0 : bench.validFromMs;
    return { id, signInSessionsValidFromDateTime: new Date(validFromMs).toISOString() };
  };
  expect(await bench.revoke()).toMatchObject({ proven: true });
  expect(bench.requested()).toEqual(
    expect.arrayContaining([sessionsOf('somebody-else'), sessionsOf('broker@partner.example')]),
  );
});

it('is not proven if the sessions of one of two accounts of a version are not revoked', async () => {
  bench.accountOf = () => ({ account: 'broker@partner.example', accountObjectId: 'somebody-else' });
  await bench.clock.advance(10_000);
  await bench.store.saveRefreshToken('default', refreshTokenOf('third', bench.clock.nowMs()));
  bench.graph = ({ url, method }) => {
    const path = decodeURIComponent(url.pathname);
    if (method !== 'GET' || !path.includes('/users/broker')) return undefined;
    return { id: 'another-id', signInSessionsValidFromDateTime: new Date(0).toISOString() };
  };
  const { proof } = await bench.revoke();
  expect(proof.find(({ item }) => item.startsWith('Refresh tokens of'))).toMatchObject({ proven: false });
});
