import { beforeEach, describe, expect, it } from 'vitest';
import { X509Certificate } from 'node:crypto';
import { parseCertificate } from '../../../../src/lib/tokens/credential/stored-secret.ts';
import { createCertificate } from '../../../../src/lib/tokens/credential/client-certificate.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { Secret } from '../../../../src/lib/core/secrets.ts';
import type { Proof } from '../../../../src/operator/revoke/refusals.ts';
import { refreshTokenOf } from '../../../fakes/memory-credential-store.ts';
import { problem } from '../../../fakes/scripted-fetch.ts';
import { accountId, clientId, partner, RevokeBench } from './revoke-bench.ts';

let bench: RevokeBench;
beforeEach(async () => {
  bench = await RevokeBench.create();
  await bench.clock.advance(10_000);
  await bench.revoke();
  bench.seen.length = 0;
});

const minuteMs = 60_000;
const open = (proof: readonly Proof[]): readonly string[] =>
  proof.filter(({ proven }) => !proven).map(({ item }) => item);

/** What `ptb setup` and `ptb consent` do after a revocation. */
async function renew(): Promise<void> {
  await bench.clock.advance(minuteMs);
  const credential = { kind: 'secret', secret: new Secret('client-secret-9') } as const;
  bench.secrets.push({ keyId: 'secret-9', value: 'client-secret-9' });
  await bench.store.saveClientCredential('default', { clientId, tenantId: partner, credential, keyId: 'secret-9' });
  await bench.store.saveRefreshToken('default', refreshTokenOf('renewed', bench.clock.nowMs()));
  bench.owners.push('principal-id');
}

describe('verifyRevocation', () => {
  it('is not proven while an access token from before the revocation may work', async () => {
    const proof = await bench.verify();
    expect(open(proof)).toEqual(['Access tokens from before the revocation']);
    const endMs = (bench.revokedAtMs ?? Number.NaN) + 95 * minuteMs;
    expect(proof[0]?.detail).toContain(new Date(endMs).toISOString());
  });

  it('believes the clock of the vault, and not that of this machine', async () => {
    bench.skewMs = 120 * minuteMs;
    expect(open(await bench.verify())).toEqual(['Access tokens from before the revocation']);
    bench.skewMs = -120 * minuteMs;
    await bench.clock.advance(96 * minuteMs);
    expect(open(await bench.verify())).toEqual([]);
  });

  it('is not proven, and may be repeated, if the vault does not say what time it is', async () => {
    await bench.clock.advance(96 * minuteMs);
    const { inventory } = bench;
    bench.inventory = {
      ...inventory,
      read: async (name) => {
        const { readAtMs: _unknown, ...read } = await inventory.read(name);
        return read;
      },
    };
    expect((await bench.verify()).filter(({ proven }) => !proven)).toMatchObject([{ inconclusive: true }]);
  });

  it('proves after the last token has expired that no key was added, and changes nothing', async () => {
    await bench.clock.advance(96 * minuteMs);
    expect(open(await bench.verify())).toEqual([]);
    expect(bench.requested()).toEqual([]);
  });

  it('does not prove an account whose sessions the revocation did not end', async () => {
    const account = 'other@partner.example';
    let validFromMs = 0;
    bench.graph = ({ method, url }) => {
      if (!decodeURIComponent(url.pathname).includes(`/users/${account}`)) return undefined;
      if (method === 'POST') validFromMs = bench.clock.nowMs();
      return { id: 'other-id', signInSessionsValidFromDateTime: new Date(validFromMs).toISOString() };
    };
    await bench.clock.advance(96 * minuteMs);
    const proof = await bench.verify({ account });
    expect(open(proof)).toEqual([`Refresh tokens of ${account}`]);
    expect(proof.find(({ proven }) => !proven)?.detail).toContain(`with --account ${account}`);
    await bench.revoke({ account });
    await bench.clock.advance(96 * minuteMs);
    expect(open(await bench.verify({ account }))).toEqual([]);
  });

  it('knows the keys of this vault after the renewal', async () => {
    await renew();
    await bench.clock.advance(96 * minuteMs);
    expect(open(await bench.verify())).toEqual([]);
  });

  it.each([true, false])('names a key that was added with an old token (renewed: %s)', async (isRenewed) => {
    if (isRenewed) await renew();
    bench.secrets.push({ keyId: 'stolen', displayName: 'partner-token-broker:abc' });
    await bench.clock.advance(96 * minuteMs);
    const proof = await bench.verify();
    expect(open(proof)).toEqual([`Keys of the application ${clientId}`]);
    expect(proof.find(({ proven }) => !proven)?.detail).toContain('client secret stolen ("partner-token-broker:abc")');
  });

  it('names a key that has the id of a renewed secret but is none, or is not in the list of the application', async () => {
    await renew();
    await bench.clock.advance(96 * minuteMs);
    const borrowed = { keyId: 'secret-9', displayName: 'backdoor' };
    for (const list of ['certificates', 'principalSecrets', 'principalCertificates', 'secrets'] as const) {
      bench[list].push(borrowed);
      expect(open(await bench.verify())).toEqual([`Keys of the application ${clientId}`]);
      bench[list].pop();
    }
    bench.secrets = [{ ...borrowed, hint: 'cli' }];
    expect(open(await bench.verify())).toEqual([]);
    bench.secrets = [{ ...borrowed, hint: 'evl' }];
    expect(open(await bench.verify())).toEqual([`Keys of the application ${clientId}`]);
  });

  it('compares a renewed certificate with the one in the vault, whatever its id', async () => {
    const create = async () => {
      const nowMs = bench.clock.nowMs();
      const created = await createCertificate({ commonName: 'x', notBeforeMs: nowMs, notAfterMs: nowMs + 86_400_000 });
      const { raw } = new X509Certificate(created.certificate);
      return { pem: `${created.privateKey}\n${created.certificate}`, key: raw.toString('base64') };
    };
    const [own, evil] = [await create(), await create()];
    await bench.clock.advance(minuteMs);
    const credential = parseCertificate(own.pem);
    await bench.store.saveClientCredential('default', { clientId, tenantId: partner, credential, keyId: 'own' });
    await bench.clock.advance(96 * minuteMs);
    bench.certificates = [{ keyId: 'own', key: own.key }];
    expect(open(await bench.verify())).toEqual([]);
    bench.certificates = [{ keyId: 'own', key: evil.key }];
    expect(open(await bench.verify())).toEqual([`Keys of the application ${clientId}`]);
    bench.certificates = [
      { keyId: 'own', key: own.key },
      { keyId: 'own', key: evil.key },
    ];
    expect(open(await bench.verify())).toEqual([`Keys of the application ${clientId}`]);
  });

  it('knows only the trust in the managed identity, and only if the vault uses it', async () => {
    const trust = { issuer: 'https://login.test/partner/v2.0', subject: 'identity', audience: 'exchange' };
    const identity = async () => trust;
    const { audience, ...claims } = trust;
    const own = { ...claims, id: 'trust-2', name: 'app', audiences: [audience] };
    bench.trusts = [own];
    await bench.clock.advance(96 * minuteMs);
    expect(open(await bench.verify({ identity }))).toHaveLength(1);
    const credential = { kind: 'federated' } as const;
    // The daily timer has yet to try it.
    await bench.store.proposeClientCredential('default', { clientId, tenantId: partner, credential });
    expect(open(await bench.verify({ identity }))).toEqual([]);
    await bench.store.saveClientCredential('default', { clientId, tenantId: partner, credential });
    expect(open(await bench.verify({ identity }))).toEqual([]);
    for (const more of [{ subject: 'stranger' }, { issuer: 'https://evil.test/partner/v2.0' }, { audiences: [] }]) {
      bench.trusts = [own, { ...own, ...more, id: 'trust-3' }];
      expect(open(await bench.verify({ identity }))).toHaveLength(1);
    }
  });

  it('names the ownership of itself that somebody gave back, and a version that somebody enabled again', async () => {
    bench.owners.push('principal-id');
    const { inventory } = bench;
    bench.inventory = {
      ...inventory,
      read: async (name) => {
        const { refreshToken, ...others } = await inventory.read(name);
        return { ...others, refreshToken: refreshToken.map((version) => ({ ...version, enabled: true })) };
      },
    };
    await bench.clock.advance(96 * minuteMs);
    expect(open(await bench.verify())).toEqual([
      `Ownership of the application ${clientId}`,
      'Versions in Key Vault from before the revocation',
    ]);
  });

  it('is proven for an application whose accounts nobody knows', async () => {
    const { inventory } = bench;
    bench.inventory = { ...inventory, read: async (name) => ({ ...(await inventory.read(name)), refreshToken: [] }) };
    expect(open(await bench.verify())).toEqual(['Access tokens from before the revocation']);
    await bench.clock.advance(96 * minuteMs);
    expect(open(await bench.verify())).toEqual([]);
  });

  it('raises no alarm when an account changes its password after the renewal', async () => {
    await renew();
    await bench.clock.advance(60 * minuteMs);
    // Entra also sets this time when the password changes.
    bench.validFromMs = bench.clock.nowMs();
    await bench.clock.advance(36 * minuteMs);
    expect(open(await bench.verify())).toEqual([]);
  });

  it('takes what was stored in the second of the record as from before', async () => {
    await bench.clock.advance(96 * minuteMs);
    bench.revokedAtMs = bench.clock.nowMs();
    const credential = { kind: 'secret', secret: new Secret('client-secret-9') } as const;
    bench.secrets.push({ keyId: 'secret-9', value: 'client-secret-9' });
    await bench.store.saveClientCredential('default', { clientId, tenantId: partner, credential, keyId: 'secret-9' });
    await bench.clock.advance(96 * minuteMs);
    expect(open(await bench.verify())).toContain(`Keys of the application ${clientId}`);
    expect(open(await bench.verify())).toContain('Versions in Key Vault from before the revocation');
  });

  it('raises no alarm after rotations disabled the first renewed refresh tokens, or a consent failed', async () => {
    await bench.clock.advance(minuteMs);
    await bench.store.saveRefreshToken('default', refreshTokenOf('of a failed consent', bench.clock.nowMs()));
    await bench.store.disableRefreshTokenVersion('default', 'v3');
    await renew();
    for (let day = 1; day <= 3; day += 1) {
      await bench.clock.advance(24 * 60 * minuteMs);
      await bench.store.saveRefreshToken('default', refreshTokenOf(`rotated ${day}`, bench.clock.nowMs()));
    }
    await bench.store.disableRefreshTokenVersion('default', 'v4');
    expect(open(await bench.verify())).toEqual([]);
  });

  describe('for an account that Graph does not know', () => {
    const unknownAccount = () => {
      bench.graph = ({ url }) => (url.pathname.includes('/users/') ? problem(404, 'NotFound') : undefined);
    };

    it.each(['a deleted account', 'a tag that names nobody'])('agrees with the revocation after %s', async (what) => {
      bench = await RevokeBench.create();
      await bench.clock.advance(10_000);
      if (what === 'a deleted account') unknownAccount();
      else {
        bench.accountOf = () => ({ account: 'nobody@partner.example' });
        bench.graph = ({ url }) => (url.pathname.includes('nobody') ? problem(404, 'NotFound') : undefined);
      }
      // Entra refuses the tokens themselves.
      bench.validFromMs = 1;
      expect(await bench.revoke()).toMatchObject({ proven: true });
      await bench.clock.advance(96 * minuteMs);
      expect(open(await bench.verify())).toEqual([]);
      expect(await bench.revoke()).toMatchObject({ proven: true });
    });

    it('agrees when no tag names the account, and the token named it', async () => {
      bench = await RevokeBench.create();
      await bench.clock.advance(10_000);
      bench.accountOf = () => ({});
      const { script } = bench.redeemer;
      bench.redeemer.script = (redemption, nth) => {
        const reply = script(redemption, nth) ?? bench.redeemer.token('t');
        const claims = { objectId: accountId, username: 'broker@partner.example' };
        return reply.ok ? { ok: true, token: { ...reply.token, claims } } : reply;
      };
      expect(await bench.revoke()).toMatchObject({ proven: true });
      await bench.clock.advance(96 * minuteMs);
      expect(open(await bench.verify())).toEqual([]);
      expect(await bench.revoke()).toMatchObject({ proven: true });
    });

    it('expects one whose refresh token was stored after the revocation, and one that the operator names', async () => {
      await renew();
      await bench.clock.advance(96 * minuteMs);
      unknownAccount();
      expect(open(await bench.verify({ account: 'other@partner.example' }))).toEqual([
        'Refresh tokens of other@partner.example',
      ]);
      // Nobody can try it any more, so its tag may be wrong.
      await bench.store.disableRefreshTokenVersion('default', 'v3');
      expect((await bench.revoke()).proven).toBe(false);
    });
  });

  it('is not proven without the record of a revocation', async () => {
    bench.revokedAtMs = undefined;
    await bench.store.saveRefreshToken('default', refreshTokenOf('in use', bench.clock.nowMs()));
    const sent = bench.redeemer.sent.length;
    await bench.clock.advance(96 * minuteMs);
    const proof = await bench.verify();
    expect(open(proof)).toEqual([
      'Access tokens from before the revocation',
      'Refresh tokens of broker@partner.example',
      'Versions in Key Vault from before the revocation',
    ]);
    expect(bench.redeemer.sent).toHaveLength(sent);
    expect(proof[0]?.detail).toMatch(/no record of a revocation\. Run `ptb revoke`/);
    bench.store.failure = new BrokerError('key_vault_unavailable', 'It is away.');
    expect(await bench.verify({ clientId })).toMatchObject([
      { item: 'Access tokens from before the revocation', proven: false, detail: 'It is away.', inconclusive: true },
      {},
      {},
      { proven: false },
    ]);
  });

  it('is not proven when the sessions were not revoked', async () => {
    bench.validFromMs = Date.UTC(2026, 0, 1);
    await bench.clock.advance(96 * minuteMs);
    expect(open(await bench.verify())).toEqual(['Refresh tokens of broker@partner.example']);
  });
});
