import { X509Certificate } from 'node:crypto';
import selfsigned from 'selfsigned';
import { describe, expect, it } from 'vitest';
import { endInEntra, isValueOf } from '../../../../../src/lib/tokens/credential/registered-keys.ts';
import { Secret } from '../../../../../src/lib/core/secrets.ts';

const nowMs = Date.UTC(2026, 0, 1);
const inDays = (days: number): string => new Date(nowMs + days * 86_400_000).toISOString();
const secret = { credential: { kind: 'secret', secret: new Secret('Abc~secret') }, keyId: 'mine' } as const;
const { keyId: _, ...nameless } = secret;
const endsIn = (days: number) => Date.parse(inDays(days));

describe('when a client credential ends', () => {
  it.each<[string, Parameters<typeof endInEntra>[0], number | undefined]>([
    ['nothing fits', [{ keyId: 'theirs', hint: 'Xyz', endDateTime: inDays(5) }], undefined],
    ['its id fits', [{ keyId: 'mine', endDateTime: inDays(5) }], 5],
    ['its value fits', [{ keyId: 'theirs', hint: 'Abc', endDateTime: inDays(5) }], 5],
    [
      'its id fits one and its value another',
      [
        { keyId: 'mine', hint: 'Xyz', endDateTime: inDays(5) },
        { keyId: 'theirs', hint: 'Abc', endDateTime: inDays(9) },
      ],
      9,
    ],
    [
      'both fit one',
      [
        { keyId: 'theirs', hint: 'Abc', endDateTime: inDays(5) },
        { keyId: 'mine', hint: 'Abc', endDateTime: inDays(9) },
      ],
      9,
    ],
    [
      'several fit: the earliest that is not past',
      [
        { keyId: 'one', hint: 'Abc', endDateTime: inDays(9) },
        { keyId: 'two', hint: 'Abc', endDateTime: inDays(5) },
        { keyId: 'three', hint: 'Abc', endDateTime: inDays(-1) },
        { keyId: 'four', hint: 'Abc', endDateTime: inDays(0) },
      ],
      5,
    ],
    [
      'all that fit are past: the earliest',
      [
        { keyId: 'one', hint: 'Abc', endDateTime: inDays(-1) },
        { keyId: 'two', hint: 'Abc', endDateTime: inDays(-2) },
      ],
      -2,
    ],
    ['the end is no time', [{ keyId: 'mine', endDateTime: 'never' }], undefined],
    ['there is no end', [{ keyId: 'mine' }], undefined],
  ])('by Entra, if %s', (_case, entries, days) => {
    expect(endInEntra(entries, secret, nowMs)).toBe(days === undefined ? undefined : endsIn(days));
  });

  it('is not that of an entry without an id, if the stored one has none', () => {
    expect(endInEntra([{ endDateTime: inDays(5) }], nameless, nowMs)).toBeUndefined();
    expect(endInEntra([{ hint: 'Abc', endDateTime: inDays(5) }], nameless, nowMs)).toBe(endsIn(5));
  });
});

describe('what Entra shows of a value', () => {
  it.each<[string | undefined, boolean]>([
    ['Abc', true],
    ['bc~', false],
    ['', false],
    [undefined, false],
  ])('of a secret that begins with %s fits: %s', (hint, expected) => {
    expect(isValueOf(hint === undefined ? {} : { hint }, secret)).toBe(expected);
  });

  it('fits no federated credential', () => {
    expect(isValueOf({ hint: 'Abc' }, { credential: { kind: 'federated' } as never })).toBe(false);
  });

  it('of a certificate is the certificate, or else its thumbprint in one of two forms', async () => {
    // An elliptic curve, because its key is made at once.
    const { cert } = await selfsigned.generate([{ name: 'commonName', value: 'x' }], { keyType: 'ec' });
    const own = { kind: 'certificate', privateKey: new Secret('x'), certificate: cert, thumbprintSha256: '' } as const;
    const raw = (change = 0): string => {
      const bytes = Buffer.from(new X509Certificate(cert).raw);
      // The last byte belongs to the signature.
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ change;
      return bytes.toString('base64');
    };
    const thumbprint = Buffer.from(new X509Certificate(cert).fingerprint.replaceAll(':', ''), 'hex');
    const fits = (entry: Parameters<typeof isValueOf>[0]): boolean => isValueOf(entry, { credential: own });
    expect(fits({ key: raw() })).toBe(true);
    expect(fits({ key: raw(1), customKeyIdentifier: thumbprint.toString('hex') })).toBe(false);
    expect(fits({ key: 'AA==' })).toBe(false);
    for (const form of ['hex', 'base64'] as const) {
      expect(fits({ customKeyIdentifier: thumbprint.toString(form) })).toBe(true);
      expect(fits({ key: '', customKeyIdentifier: thumbprint.toString(form).toUpperCase() })).toBe(true);
    }
    expect(fits({ customKeyIdentifier: 'other' })).toBe(false);
    expect(fits({})).toBe(false);
  });
});
