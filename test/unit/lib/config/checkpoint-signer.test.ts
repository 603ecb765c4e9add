import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { generate } from 'selfsigned';
import { expect, test, vi } from 'vitest';
import { createCheckpointSigner } from '../../../../src/lib/config/key-vault.ts';

const vault = { expiresMs: undefined as number | undefined, isGone: false };
const identity = { getToken: async () => ({ token: 'token', expiresOnTimestamp: Date.now() + 3_600_000 }) };
const clock = { nowMs: () => 0 };

/** Starts a vault with the key of the checkpoints, for some work. @returns the User-Agent of each request to sign, and other requests. */
async function requestsOf(work: (vaultUrl: string) => Promise<void>) {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
  });
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const userAgents: (string | undefined)[] = [];
  let reads = 0;
  const server = createServer({ key, cert }, (request, response) => {
    request.resume();
    const kid = `https://${request.headers.host}/keys/audit-checkpoints/${'a'.repeat(32)}`;
    const isSigning = request.method === 'POST';
    if (isSigning) userAgents.push(request.headers['user-agent']);
    else reads += 1;
    const attributes = vault.expiresMs === undefined ? {} : { exp: vault.expiresMs / 1_000 };
    const bundle = { key: { ...publicKey.export({ format: 'jwk' }), kid, key_ops: ['sign'] }, attributes };
    response.setHeader('content-type', 'application/json');
    if (vault.isGone) response.statusCode = 404;
    response.end(JSON.stringify(isSigning ? { kid, value: 'AAAA' } : bundle));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const before = getCACertificates('default');
  setDefaultCACertificates([...before, cert]);
  try {
    await work(`https://localhost:${(server.address() as AddressInfo).port}`);
  } finally {
    setDefaultCACertificates(before);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  return { userAgents, reads };
}

// The SDK adds its name to the options that it is given. Shared by all signatures, they made a header that no server takes.
test('every signature has the same User-Agent', async () => {
  const { userAgents } = await requestsOf(async (vaultUrl) => {
    const signer = createCheckpointSigner(vaultUrl, async () => identity, clock);
    const key = await signer.current();
    if (!('id' in key)) throw new Error('The vault has no key.');
    for (let signature = 0; signature < 3; signature += 1) await signer.sign(key.id, Buffer.from('checkpoint'));
  });
  expect(userAgents).toHaveLength(3);
  expect(new Set(userAgents).size).toBe(1);
});

test('a key signs after its expiry was extended', async () => {
  const { userAgents } = await requestsOf(async (vaultUrl) => {
    const signer = createCheckpointSigner(vaultUrl, async () => identity, clock);
    const keyId = `${vaultUrl}/keys/audit-checkpoints/${'a'.repeat(32)}`;
    const realNow = Date.now;
    try {
      vault.expiresMs = Math.ceil(Date.now() / 1_000) * 1_000 + 3_600_000;
      await signer.sign(keyId, Buffer.from('one'));
      vault.expiresMs += 365 * 24 * 3_600_000;
      // The SDK itself compares the expiry with the time.
      vi.useFakeTimers({ now: realNow() + 2 * 3_600_000, toFake: ['Date'] });
      await signer.sign(keyId, Buffer.from('two'));
    } finally {
      vi.useRealTimers();
      vault.expiresMs = undefined;
    }
  });
  expect(userAgents).toHaveLength(2);
});

test('a version that the vault no longer has is asked for once in a minute, and may come back', async () => {
  let nowMs = 0;
  const { reads } = await requestsOf(async (vaultUrl) => {
    const signer = createCheckpointSigner(vaultUrl, async () => identity, { nowMs: () => nowMs });
    const keyId = `${vaultUrl}/keys/audit-checkpoints/${'a'.repeat(32)}`;
    vault.isGone = true;
    try {
      for (let line = 0; line < 20; line += 1) expect(await signer.publicKey(keyId)).toBeUndefined();
    } finally {
      vault.isGone = false;
    }
    nowMs += 60_000;
    expect(await signer.publicKey(keyId)).toMatchObject({ kid: keyId });
  });
  expect(reads).toBe(2);
});
