import { createHash, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { ManagedIdentityCredential } from '@azure/identity';
import { CryptographyClient, KeyClient, type KeyProperties, type KeyVaultKey } from '@azure/keyvault-keys';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { RunningCloud } from '../../src/index.ts';
import { startTrustedCloud } from '../../src/testing.ts';

const options = { disableChallengeResourceVerification: true };
const data = Buffer.from('what is signed');
let cloud: RunningCloud;
let keys: KeyClient;
let identity: ManagedIdentityCredential;
beforeAll(async () => {
  cloud = await startTrustedCloud({ tenants: 1 });
  vi.stubEnv('IDENTITY_ENDPOINT', cloud.document.managedIdentity.endpoint);
  vi.stubEnv('IDENTITY_HEADER', cloud.document.managedIdentity.header);
  identity = new ManagedIdentityCredential({ clientId: cloud.document.managedIdentity.clientId });
  keys = new KeyClient(cloud.document.keyVault, identity, options);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await cloud.stop();
});

const cryptography = (key: KeyVaultKey): CryptographyClient => new CryptographyClient(key, identity, options);

/** The public key in the form of node:crypto. */
function publicKeyOf({ key }: KeyVaultKey) {
  const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('base64url');
  const jwk =
    key?.kty === 'RSA'
      ? { kty: 'RSA', n: text(key.n), e: text(key.e) }
      : { kty: 'EC', crv: String(key?.crv), x: text(key?.x), y: text(key?.y) };
  return createPublicKey({ key: jwk, format: 'jwk' });
}

async function listed(items: AsyncIterable<KeyProperties>): Promise<KeyProperties[]> {
  const found: KeyProperties[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe('@azure/keyvault-keys', () => {
  it.each([
    ['P-256', 'ES256', 'sha256'],
    ['P-384', 'ES384', 'sha384'],
    ['P-521', 'ES512', 'sha512'],
  ] as const)('signs with an EC key of %s what node:crypto verifies', async (curve, algorithm, hash) => {
    const key = await keys.createEcKey(`ec-${curve}`, { curve, keyOps: ['sign', 'verify'] });
    expect(key.id).toMatch(/\/keys\/ec-P-\d+\/[0-9a-f]{32}$/);
    expect(key.keyOperations).toEqual(['sign', 'verify']);
    const { result, keyID } = await cryptography(key).signData(algorithm, data);
    expect(keyID).toBe(key.id);
    const publicKey = publicKeyOf(key);
    expect(verify(hash, data, { key: publicKey, dsaEncoding: 'ieee-p1363' }, result)).toBe(true);
    expect(verify(hash, Buffer.from('other'), { key: publicKey, dsaEncoding: 'ieee-p1363' }, result)).toBe(false);
  });

  it('imports an EC key and signs with it', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { x, y, d } = privateKey.export({ format: 'jwk' });
    const bytes = (text: string | undefined): Uint8Array => Buffer.from(String(text), 'base64url');
    const jwk = { kty: 'EC', crv: 'P-256', x: bytes(x), y: bytes(y), d: bytes(d), keyOps: ['sign'] };
    const key = await keys.importKey('imported', jwk);
    expect(key.keyOperations).toEqual(['sign']);
    const { result } = await cryptography(key).signData('ES256', data);
    const publicKey = createPublicKey(privateKey);
    expect(verify('sha256', data, { key: publicKey, dsaEncoding: 'ieee-p1363' }, result)).toBe(true);
    await expect(keys.importKey('imported', { kty: 'EC', crv: 'P-256' })).rejects.toMatchObject({ statusCode: 400 });
  });

  it.each(['RS256', 'RS384', 'RS512'] as const)(
    'signs with an RSA key what node:crypto verifies: %s',
    async (algorithm) => {
      const key = await keys.createRsaKey('rsa');
      const { result } = await cryptography(key).signData(algorithm, data);
      expect(verify(algorithm.replace('RS', 'sha'), data, publicKeyOf(key), result)).toBe(true);
    },
  );

  it('verifies right signatures only, also of a key that is disabled', async () => {
    for (const key of [await keys.createEcKey('verifying'), await keys.createRsaKey('verifying-rsa')]) {
      const algorithm = key.keyType === 'EC' ? 'ES256' : 'RS256';
      const { result } = await cryptography(key).signData(algorithm, data);
      const wrong = Buffer.from(result);
      wrong[5] = (wrong[5] ?? 0) ^ 1;
      await keys.updateKeyProperties(key.name, key.properties.version ?? '', { enabled: false });
      const digest = createHash('sha256').update(data).digest();
      const ask = async (signature: Uint8Array): Promise<unknown> => {
        const token = await identity.getToken('https://vault.azure.net/.default');
        const response = await fetch(`${key.id}/verify?api-version=7.6`, {
          method: 'POST',
          headers: { authorization: `Bearer ${token.token}`, 'content-type': 'application/json' },
          body: JSON.stringify({
            alg: algorithm,
            digest: digest.toString('base64url'),
            value: Buffer.from(signature).toString('base64url'),
          }),
        });
        return response.json();
      };
      expect(await ask(result)).toEqual({ value: true });
      expect(await ask(wrong)).toEqual({ value: false });
      expect(await ask(Buffer.alloc(64))).toEqual({ value: false });
    }
  });

  it('verifies a signature of somebody else’s key as wrong', async () => {
    const key = await keys.createEcKey('own');
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const foreign = sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' });
    expect((await cryptography(key).verifyData('ES256', data, foreign)).result).toBe(false);
  });

  it('does not sign with a disabled version, which can still be read, until it is enabled again', async () => {
    const key = await keys.createEcKey('switched');
    const version = key.properties.version ?? '';
    await keys.updateKeyProperties('switched', version, { enabled: false });
    expect((await keys.getKey('switched')).properties.enabled).toBe(false);
    await expect(cryptography(key).signData('ES256', data)).rejects.toMatchObject({
      statusCode: 403,
      details: { error: { innerError: { code: 'KeyDisabled' } } },
    });
    await keys.updateKeyProperties('switched', version, { enabled: true });
    expect((await cryptography(key).signData('ES256', data)).result).toHaveLength(64);
  });

  it('keeps older versions, which sign as before, after a rotation', async () => {
    const first = await keys.createEcKey('rotated', { keyOps: ['sign'], tags: { use: 'test' } });
    const second = await keys.rotateKey('rotated');
    expect(second.id).not.toBe(first.id);
    expect(second.keyOperations).toEqual(['sign']);
    expect((await keys.getKey('rotated')).id).toBe(second.id);
    const old = await keys.getKey('rotated', { version: first.properties.version ?? '' });
    expect(old.id).toBe(first.id);
    const { result } = await cryptography(old).signData('ES256', data);
    expect(verify('sha256', data, { key: publicKeyOf(first), dsaEncoding: 'ieee-p1363' }, result)).toBe(true);
    expect(await listed(keys.listPropertiesOfKeyVersions('rotated'))).toHaveLength(2);
    expect((await listed(keys.listPropertiesOfKeys())).map(({ name }) => name)).toContain('rotated');
  });

  it('gives out no private key', async () => {
    for (const key of [await keys.createEcKey('private'), await keys.createRsaKey('private-rsa')]) {
      expect(key.properties.exportable).toBe(false);
      const secrets = ['d', 'dp', 'dq', 'p', 'q', 'qi'].filter(
        (name) => name in (key.key ?? {}) && Reflect.get(key.key ?? {}, name) !== undefined,
      );
      expect(secrets).toEqual([]);
    }
  });

  it.each([
    ['an unknown key', 404, 'GET', '/keys/nothing', undefined],
    ['an unknown version', 404, 'GET', '/keys/asked/0123', undefined],
    ['a curve that it has not', 400, 'POST', '/keys/asked/create', { kty: 'EC', crv: 'P-1' }],
    ['an operation that it has not', 400, 'POST', '/keys/asked/create', { kty: 'EC', key_ops: ['sing'] }],
    ['a type that needs the tier Premium', 400, 'POST', '/keys/asked/create', { kty: 'EC-HSM' }],
    ['an algorithm of another type', 400, 'POST', '/keys/asked//sign', { alg: 'RS256', value: 'AAAA' }],
    ['a digest of another length', 400, 'POST', '/keys/asked//sign', { alg: 'ES256', value: 'AAAA' }],
    [
      'an operation that the key does not have',
      403,
      'POST',
      '/keys/asked//verify',
      { alg: 'ES256', digest: 'A', value: 'A' },
    ],
  ] as const)('answers a request for %s with %i', async (_name, status, method, path, body) => {
    await keys.createEcKey('asked', { keyOps: ['sign'] });
    const newest = (await keys.getKey('asked')).properties.version ?? '';
    const token = await identity.getToken('https://vault.azure.net/.default');
    const response = await fetch(`${cloud.document.keyVault}${path.replace('//', `/${newest}/`)}?api-version=7.6`, {
      method,
      headers: { authorization: `Bearer ${token.token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    expect(response.status).toBe(status);
    expect(await response.json()).toHaveProperty('error.code');
  });
});
