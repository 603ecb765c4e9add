import type { KeyVaultSecret, SecretProperties } from '@azure/keyvault-secrets';
import { describe, expect, it } from 'vitest';
import type {
  NewClientCredential,
  NewRefreshToken,
} from '../../../../../src/lib/tokens/credential/credential-store.ts';
import {
  earliest,
  readClientCredential,
  readClientCredentialVersion,
  readRefreshToken,
  readRefreshTokenVersion,
  tagsOf,
  writeClientCredential,
  writeRefreshToken,
} from '../../../../../src/lib/tokens/credential/stored-secret.ts';
import { refreshTokenLifeMs, Secret } from '../../../../../src/lib/core/secrets.ts';
import { parseTenantId } from '../../../../../src/lib/core/identifiers.ts';

// What is in the vault of an installation must stay readable, so the tests name tags and content types in full.

const tenantId = parseTenantId('99999999-9999-4999-8999-999999999999')!;
const nowMs = Date.UTC(2026, 10, 24);
const hourMs = 3_600_000;
const iso = (ms: number): string => new Date(ms).toISOString();

const properties = (more: Partial<Record<keyof SecretProperties, unknown>> = {}): SecretProperties =>
  ({ version: 'v1', createdOn: new Date(nowMs), enabled: true, ...more }) as unknown as SecretProperties;
const stored = (value: unknown, more: Parameters<typeof properties>[0] = {}): KeyVaultSecret =>
  ({ name: 'ptb-default', value, properties: properties(more) }) as unknown as KeyVaultSecret;

describe('a refresh token in the vault', () => {
  const token: NewRefreshToken = {
    secret: new Secret('the-token'),
    clientId: 'client',
    account: 'broker@partner.example',
    accountObjectId: 'object',
    obtainedAtMs: nowMs,
    expiresAtMs: nowMs + hourMs,
    mfa: true,
  };
  const tags = {
    application: 'default',
    clientId: 'client',
    account: 'broker@partner.example',
    accountObjectId: 'object',
    obtainedAt: iso(nowMs),
    mfa: 'true',
  };

  it('is written with everything but the value in tags', () => {
    expect(writeRefreshToken('default', token)).toStrictEqual({
      value: 'the-token',
      contentType: 'refresh-token',
      expiresOn: new Date(nowMs + hourMs),
      tags,
    });
  });

  it('is disabled and of another type while it is staged, and names the consent that it comes from', () => {
    expect(writeRefreshToken('default', { ...token, mfa: false, consentedAtMs: nowMs - 1 }, 'staged')).toStrictEqual({
      value: 'the-token',
      contentType: 'refresh-token-staged',
      enabled: false,
      expiresOn: new Date(nowMs + hourMs),
      tags: { ...tags, mfa: 'false', consentedAt: iso(nowMs - 1) },
    });
  });

  it('is read as it was written', () => {
    const { value, ...rest } = writeRefreshToken('default', { ...token, consentedAtMs: nowMs - 1 });
    const { secret, ...read } = readRefreshToken(stored(value, rest))!;
    expect(secret.reveal()).toBe('the-token');
    expect(read).toStrictEqual({
      version: 'v1',
      obtainedAtMs: nowMs,
      expiresAtMs: nowMs + hourMs,
      account: 'broker@partner.example',
      accountObjectId: 'object',
      mfa: true,
      clientId: 'client',
      consentedAtMs: nowMs - 1,
    });
  });

  it('that a person stored without tags counts from when it was stored', () => {
    const { secret: _, ...read } = readRefreshToken(stored('by-hand'))!;
    const expiresAtMs = nowMs + refreshTokenLifeMs;
    const unknown = { account: '', accountObjectId: '', mfa: false };
    expect(read).toStrictEqual({ version: 'v1', obtainedAtMs: nowMs, expiresAtMs, ...unknown });
  });

  it.each([
    ['five minutes after it was stored', iso(nowMs + 300_000), nowMs + 300_000],
    ['later than that, which is wrong', iso(nowMs + 300_001), nowMs],
    ['before it was stored', iso(nowMs - hourMs), nowMs - hourMs],
    ['at no time that can be read', 'yesterday', nowMs],
  ])('obtained %s', (_, obtainedAt, obtainedAtMs) => {
    expect(readRefreshToken(stored('t', { tags: { obtainedAt } }))).toMatchObject({ obtainedAtMs });
  });

  it.each([
    ['an earlier date in the vault', nowMs + hourMs, nowMs + hourMs],
    ['a date beyond its 90 days', nowMs + 2 * refreshTokenLifeMs, nowMs + refreshTokenLifeMs],
  ])('ends by %s', (_, endMs, expiresAtMs) => {
    expect(readRefreshToken(stored('t', { expiresOn: new Date(endMs) }))).toMatchObject({ expiresAtMs });
  });

  it('has no time at all if neither the tag nor the vault has one', () => {
    const read = readRefreshToken(stored('t', { createdOn: new Date(Number.NaN) }));
    expect(read).toMatchObject({ obtainedAtMs: 0, expiresAtMs: refreshTokenLifeMs });
  });

  it.each(['', undefined, 7])('is absent if the value is %j', (value) => {
    expect(readRefreshToken(stored(value))).toBeUndefined();
  });

  it.each([undefined, '', 3])('without a version (%j) is a failure of the vault', (version) => {
    expect(() => readRefreshToken(stored('t', { version }))).toThrow('without a version');
  });

  it.each([
    [{ contentType: 'refresh-token' }, {}],
    [
      { contentType: 'refresh-token-staged', enabled: false },
      { enabled: false, staged: true },
    ],
    [{ contentType: undefined }, { isByHand: true }],
    [{ contentType: 'text/plain', tags: { consentedAt: iso(nowMs) } }, { consentedAtMs: nowMs }],
    [
      { contentType: 'refresh-token', tags },
      { account: tags.account, accountObjectId: 'object', clientId: 'client' },
    ],
    [{ contentType: 'refresh-token', tags: { account: '', clientId: 7 } }, {}],
    [{ contentType: 'refresh-token', createdOn: undefined, enabled: undefined }, { createdAtMs: 0 }],
  ])('is listed from %j', (listed, expected) => {
    const usual = { version: 'v1', createdAtMs: nowMs, enabled: true };
    expect(readRefreshTokenVersion(properties(listed))).toStrictEqual({ ...usual, ...expected });
  });
});

describe('a client credential in the vault', () => {
  const credential: NewClientCredential = {
    clientId: 'client',
    tenantId,
    credential: { kind: 'secret', secret: new Secret('s+cr&t') },
  };
  const tags = { application: 'default', clientId: 'client', tenantId, kind: 'secret' };

  it('is written with everything but the value in tags', () => {
    expect(writeClientCredential('default', credential)).toStrictEqual({
      value: 's+cr&t',
      contentType: 'client-secret',
      tags,
    });
    expect(writeClientCredential('default', { ...credential, endsAtMs: nowMs, keyId: 'key' })).toStrictEqual({
      value: 's+cr&t',
      contentType: 'client-secret',
      expiresOn: new Date(nowMs),
      tags: { ...tags, keyId: 'key', endsAt: iso(nowMs) },
    });
  });

  it.each([
    ['staged', 'client-credential-staged', {}],
    ['proposed', 'client-secret', { proposed: 'true' }],
  ] as const)('is disabled while it is %s', (state, contentType, more) => {
    expect(writeClientCredential('default', credential, state)).toStrictEqual({
      value: 's+cr&t',
      contentType,
      enabled: false,
      tags: { ...tags, ...more },
    });
  });

  it('has the key before the certificate, and a text that is no secret for a federated one', () => {
    const certificate = { kind: 'certificate', privateKey: new Secret('KEY\n\n'), certificate: '\nCERT ' } as const;
    const written = writeClientCredential('default', {
      ...credential,
      credential: { ...certificate, thumbprintSha256: 'ab' },
    });
    expect([written.value, written.contentType]).toEqual(['KEY\nCERT\n', 'application/x-pem-file']);
    const federated = writeClientCredential('default', { ...credential, credential: { kind: 'federated' } });
    expect([federated.value, federated.contentType]).toEqual(['federated', 'federated-credential']);
  });

  it('is read as it was written', () => {
    const { value, ...rest } = writeClientCredential('default', { ...credential, endsAtMs: nowMs, keyId: 'key' });
    const { credential: read, ...others } = readClientCredential(stored(value, rest));
    expect(read.kind === 'secret' && read.secret.reveal()).toBe('s+cr&t');
    expect(others).toStrictEqual({ clientId: 'client', tenantId, version: 'v1', endsAtMs: nowMs, keyId: 'key' });
  });

  it('ends by the earlier of the date of the vault and the tag, which a person can change', () => {
    const read = (vaultMs: number, tagMs: number) =>
      readClientCredential(stored('s', { expiresOn: new Date(vaultMs), tags: { ...tags, endsAt: iso(tagMs) } }));
    expect([read(nowMs, nowMs + 1).endsAtMs, read(nowMs + 1, nowMs).endsAtMs]).toEqual([nowMs, nowMs]);
    expect(readClientCredential(stored('s', { tags }))).not.toHaveProperty('endsAtMs');
  });

  it.each([
    ['no value', '', tags],
    ['no client id', 's', { ...tags, clientId: '' }],
    ['no tenant id', 's', { ...tags, tenantId: 'contoso.com' }],
    ['no tags', 's', undefined],
  ])('is missing with %s', (_, value, given) => {
    expect(() => readClientCredential(stored(value, { tags: given }))).toThrow(
      'The Key Vault secret "ptb-default" is empty, or lacks the tags clientId and tenantId.',
    );
  });

  it.each(['password', 'constructor'])('is missing if its kind is %s', (kind) => {
    expect(() => readClientCredential(stored('s', { tags: { ...tags, kind } }))).toThrow('has an unknown kind');
    expect(readClientCredentialVersion(properties({ tags: { kind } }))).not.toHaveProperty('kind');
  });

  it.each([
    ['certificate', 's', 'a secret'],
    ['federated', 's', 'a secret'],
    ['secret', '-----BEGIN PRIVATE KEY-----', 'a certificate'],
    ['certificate', 'federated', 'the placeholder of a managed identity'],
  ])('is refused with the name of the tag if its kind is %s and its value is not', (kind, value, looks) => {
    const read = () => readClientCredential(stored(value, { tags: { ...tags, kind } }));
    expect(read).toThrow(
      `"ptb-default" has the tag kind "${kind}", but its value looks like ${looks}. Correct the tag.`,
    );
    expect(read).toThrow(expect.objectContaining({ code: 'client_credential_rejected' }));
  });

  it('is a secret without a kind, as a person stores it', () => {
    const { kind: _, ...untyped } = tags;
    expect(readClientCredential(stored('s', { tags: untyped })).credential.kind).toBe('secret');
    expect(readClientCredential(stored('federated', { tags: { ...tags, kind: 'federated' } })).credential).toEqual({
      kind: 'federated',
    });
  });

  it.each([
    [{}, { kind: 'secret' }],
    [
      { tags: { ...tags, kind: 'certificate', keyId: 'key' } },
      { kind: 'certificate', clientId: 'client', keyId: 'key' },
    ],
    [{ tags: { proposed: 'true' } }, { kind: 'secret', proposed: true }],
    [{ tags: { proposed: 'false' } }, { kind: 'secret' }],
    [
      { contentType: 'client-credential-staged', enabled: false },
      { kind: 'secret', enabled: false, staged: true },
    ],
    [{ contentType: 'client-credential-staged', enabled: true }, { kind: 'secret' }],
    [
      { contentType: 'client-secret', enabled: false },
      { kind: 'secret', enabled: false },
    ],
  ])('is listed from %j', (listed, expected) => {
    const usual = { version: 'v1', createdAtMs: nowMs, enabled: true };
    expect(readClientCredentialVersion(properties(listed))).toStrictEqual({ ...usual, ...expected });
  });
});

it('earliest ignores unknown times', () => {
  expect([earliest(3, undefined, 2), earliest(undefined), earliest()]).toEqual([2, undefined, undefined]);
});

it('tagsOf ignores values that are no text', () => {
  expect(tagsOf(properties({ tags: { a: 'x', b: 7, c: null } }))).toEqual({ a: 'x' });
  expect(tagsOf(properties({ tags: undefined }))).toEqual({});
});
