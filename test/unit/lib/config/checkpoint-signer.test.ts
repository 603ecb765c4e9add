import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { generate } from 'selfsigned';
import { expect, test } from 'vitest';
import { createCheckpointSigner } from '../../../../src/lib/config/key-vault.ts';

/** Starts a vault with the key of the checkpoints, for some work. @returns the User-Agent of each request to sign. */
async function userAgentsOf(work: (vaultUrl: string) => Promise<void>): Promise<readonly (string | undefined)[]> {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
  });
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const userAgents: (string | undefined)[] = [];
  const server = createServer({ key, cert }, (request, response) => {
    request.resume();
    const kid = `https://${request.headers.host}/keys/audit-checkpoints/${'a'.repeat(32)}`;
    const isSigning = request.method === 'POST';
    if (isSigning) userAgents.push(request.headers['user-agent']);
    const bundle = { key: { ...publicKey.export({ format: 'jwk' }), kid, key_ops: ['sign'] }, attributes: {} };
    response.setHeader('content-type', 'application/json');
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
  return userAgents;
}

// The SDK adds its name to the options that it is given. Shared by all signatures, they made a header that no server takes.
test('every signature has the same User-Agent', async () => {
  const identity = { getToken: async () => ({ token: 'token', expiresOnTimestamp: Date.now() + 3_600_000 }) };
  const userAgents = await userAgentsOf(async (vaultUrl) => {
    const signer = createCheckpointSigner(vaultUrl, async () => identity);
    const key = await signer.current();
    if (!('id' in key)) throw new Error('The vault has no key.');
    for (let signature = 0; signature < 3; signature += 1) await signer.sign(key.id, Buffer.from('checkpoint'));
  });
  expect(userAgents).toHaveLength(3);
  expect(new Set(userAgents).size).toBe(1);
});
