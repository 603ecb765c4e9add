import { describe, expect, it } from 'vitest';
import {
  isSameName,
  lastConsent,
  readNewest,
  refreshTokensInOrder,
  type RefreshTokenVersion,
  skippedRefreshTokens,
  trueAccount,
  UnreadableCredentialError,
} from '../../../../../src/lib/tokens/credential/credential-store.ts';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';

const a = { accountObjectId: 'a', account: 'a@partner.example' };
const b = { accountObjectId: 'b', account: 'b@partner.example' };
const version = (name: string, more: Partial<RefreshTokenVersion> = {}): RefreshTokenVersion => ({
  version: name,
  createdAtMs: 0,
  enabled: true,
  ...more,
});
const byHand = { isByHand: true } as const;
const staged = { staged: true, enabled: false } as const;
/** The order in which versions are tried. */
const inOrder = (...versions: readonly RefreshTokenVersion[]) =>
  refreshTokensInOrder(versions).map((each) => each.version);

describe('names of accounts', () => {
  it.each([
    ['A@x', 'a@X', true],
    ['a', 'b', false],
    ['', '', false],
    [undefined, undefined, false],
    ['a', undefined, false],
  ])('%s and %s are the same: %s', (one, other, expected) => {
    expect(isSameName(one, other)).toBe(expected);
  });
});

describe('the last consent', () => {
  it('is that of the newest version that neither a person nor an unfinished run stored', () => {
    expect(lastConsent([])).toEqual({});
    const versions = [
      version('3', { ...b, consentedAtMs: 9, ...staged }),
      version('2', { ...b, consentedAtMs: 8, ...byHand }),
      version('1', { ...a, consentedAtMs: 5, enabled: false }),
      version('0', { ...b, consentedAtMs: 4 }),
    ];
    expect(lastConsent(versions)).toEqual({ ...a, consentedAtMs: 5 });
  });

  it('is named by another version of it, if the newest one has lost its tag', () => {
    const versions = [version('2', { consentedAtMs: 5 }), version('1', { ...a, consentedAtMs: 5 })];
    expect(lastConsent(versions)).toEqual({ ...a, consentedAtMs: 5 });
    expect(lastConsent([version('2', { consentedAtMs: 5 }), version('1', { ...a, consentedAtMs: 4 })])).toEqual({
      consentedAtMs: 5,
    });
  });

  it('has no time, and only its own account, if the newest version has lost the tag with the time', () => {
    expect(lastConsent([version('2', b), version('1', { ...a, consentedAtMs: 5 })])).toEqual(b);
    expect(lastConsent([version('2', {}), version('1', a)])).toEqual({});
  });

  it('is named by what a person stored if there is nothing else', () => {
    expect(lastConsent([version('2', byHand), version('1', { ...a, ...byHand })])).toEqual(a);
  });

  it('has no name if the version that names the account has none', () => {
    expect(lastConsent([version('1', { accountObjectId: 'a', consentedAtMs: 5 })])).toEqual({
      accountObjectId: 'a',
      consentedAtMs: 5,
    });
  });
});

describe('the refresh tokens that may be in force', () => {
  const consent = version('c', { ...a, consentedAtMs: 5 });

  it('are the enabled ones, newest first, and those of a person last', () => {
    const versions = [
      version('hand', { ...byHand }),
      version('rolled', { ...a, consentedAtMs: 5 }),
      version('off', { ...a, consentedAtMs: 5, enabled: false }),
      consent,
    ];
    expect(inOrder(...versions)).toEqual(['rolled', 'c', 'hand']);
  });

  it.each<[string, Partial<RefreshTokenVersion>, boolean]>([
    ['an earlier consent of the same account', { ...a, consentedAtMs: 4 }, true],
    ['an earlier consent of another account', { ...b, consentedAtMs: 4 }, false],
    ['an earlier consent without an account', { consentedAtMs: 4 }, false],
    ['an earlier consent with the object id and another name', { ...b, accountObjectId: 'a', consentedAtMs: 4 }, false],
    ['an earlier consent with the name only', { account: a.account, consentedAtMs: 4 }, false],
    ['an earlier consent with another object id only', { accountObjectId: 'b', consentedAtMs: 4 }, false],
    ['a person, with another object id only', { accountObjectId: 'b', ...byHand }, false],
    ['an earlier consent with the object id only', { accountObjectId: 'a', consentedAtMs: 4 }, true],
    ['the same consent without an account', { consentedAtMs: 5 }, true],
    [
      'the same consent with another object id and the same name',
      { ...a, accountObjectId: 'b', consentedAtMs: 5 },
      true,
    ],
    ['the same consent with another account', { ...b, consentedAtMs: 5 }, false],
    ['the same consent with the object id in capitals', { accountObjectId: 'A', consentedAtMs: 5 }, true],
    ['a person, without an account', byHand, true],
    ['a person, with the account', { ...a, ...byHand }, true],
    ['a person, with another account', { ...b, ...byHand }, false],
    ['a person, with another name', { ...b, accountObjectId: 'a', ...byHand }, false],
    ['a person, with a name only', { account: b.account, ...byHand }, true],
  ])('contain one of %s: %s', (_, more, isIn) => {
    expect(inOrder(consent, version('x', more))).toEqual(isIn ? ['c', 'x'] : ['c']);
  });
});

describe('a last consent of which the account is not known', () => {
  it('says nothing of earlier ones', () => {
    expect(inOrder(version('c', { consentedAtMs: 5 }), version('x', { consentedAtMs: 4 }))).toEqual(['c']);
  });

  it('is of the same account by the object id alone, whatever the name of the other is', () => {
    const nameless = version('c', { accountObjectId: 'a', consentedAtMs: 5 });
    expect(inOrder(nameless, version('x', { ...a, consentedAtMs: 4 }))).toEqual(['c', 'x']);
  });
});

describe('the account that a token must belong to', () => {
  const first = version('1', { ...a, consentedAtMs: 5 });
  const stored = { version: '1', ...a };

  it('is the one that is stored, if Entra names it or none', () => {
    expect(trueAccount(stored, {}, [first])).toBe(stored);
    expect(trueAccount(stored, { accountObjectId: 'a', account: 'other' }, [first])).toBe(stored);
  });

  it.each([undefined, ''])('is that of the last consent, if none is stored (%j)', (accountObjectId) => {
    const nameless = { version: '9', ...(accountObjectId === undefined ? {} : { accountObjectId }) };
    expect(trueAccount(nameless, b, [first])).toEqual({ ...a, consentedAtMs: 5 });
  });

  it('is the one that Entra names, if the name of the account confirms it', () => {
    const named = { accountObjectId: 'c', account: 'A@PARTNER.example' };
    expect(trueAccount(stored, named, [first])).toBe(named);
    expect(trueAccount(stored, b, [first])).toBe(stored);
  });

  it('is the one that Entra names, if another version of the consent confirms it', () => {
    const changed = { version: '1', accountObjectId: 'x' };
    const own = version('1', { accountObjectId: 'x', consentedAtMs: 5 });
    const witness = version('0', { ...b, consentedAtMs: 5 });
    expect(trueAccount(changed, b, [own, witness])).toBe(b);
    expect(trueAccount({ ...changed, account: b.account }, { accountObjectId: 'b' }, [own, witness])).toEqual({
      accountObjectId: 'b',
    });
    expect(trueAccount({ ...changed, account: a.account }, { accountObjectId: 'b' }, [own, witness])).toMatchObject({
      accountObjectId: 'x',
    });
    for (const no of [
      version('0', { ...b, consentedAtMs: 4 }),
      version('0', { ...b, consentedAtMs: 5, ...byHand }),
      version('0', { ...b, consentedAtMs: 5, ...staged }),
    ])
      expect(trueAccount(changed, b, [own, no])).toBe(changed);
  });

  it('is the one that is stored, if its version is not of the last consent', () => {
    const earlier = { version: '0', ...a };
    const named = { accountObjectId: 'c', account: a.account };
    expect(trueAccount(earlier, named, [first, version('0', { ...a, consentedAtMs: 4 })])).toBe(earlier);
    expect(trueAccount(earlier, named, [first])).toBe(earlier);
  });
});

describe('skipped refresh tokens', () => {
  const versions = [version('3', byHand), version('off', { enabled: false }), version('2'), version('1')];
  const named = (inForce: string | undefined) =>
    skippedRefreshTokens(versions, inForce).map((each) => [each.part, each.version]);

  it('are the enabled ones that are newer than the one in force', () => {
    expect(named('1')).toEqual([
      ['refresh token', '3'],
      ['refresh token', '2'],
    ]);
    expect(named('3')).toEqual([]);
  });

  it.each([undefined, 'off'])('are all enabled ones while %s is in force', (inForce) => {
    expect(named(inForce)).toHaveLength(3);
  });

  it('say why they are not in force', () => {
    const [first, second] = skippedRefreshTokens(versions, '1');
    expect(first?.reason).toContain('by hand');
    expect(second?.reason).toContain('did not consent last');
  });
});

describe('the newest version that can be read', () => {
  const broken = (name: string): BrokerError => new BrokerError('client_credential_rejected', `${name} is broken.`);
  const read = (answers: Readonly<Record<string, string | Error | undefined>>, ...off: readonly string[]) =>
    readNewest(
      'client credential',
      Object.keys(answers).map((name) => version(name, { enabled: !off.includes(name) })),
      async (name) => {
        const answer = answers[name];
        if (answer instanceof Error) throw answer;
        return answer;
      },
    );

  it('is the first enabled one, and names those before it that cannot be read', async () => {
    expect(await read({ v4: 'four', v3: broken('v3'), v2: undefined, v1: 'one' }, 'v4')).toEqual({
      value: 'one',
      skipped: [{ part: 'client credential', version: 'v3', reason: 'v3 is broken.' }],
    });
  });

  it('is none if none is enabled, or those that were are disabled now', async () => {
    expect(await read({ v1: 'one' }, 'v1')).toEqual({ value: undefined, skipped: [] });
    expect(await read({ v1: undefined })).toEqual({ value: undefined, skipped: [] });
  });

  it('fails as the newest one if none can be read', async () => {
    const failure = read({ v2: broken('v2'), v1: new BrokerError('credential_missing', 'v1 is empty.') });
    await expect(failure).rejects.toBeInstanceOf(UnreadableCredentialError);
    await expect(failure).rejects.toMatchObject({ code: 'client_credential_rejected', detail: 'v2 is broken.' });
  });

  it.each([new BrokerError('key_vault_unavailable', 'Away.'), new TypeError('x')])(
    'is not looked for behind one that may be readable later: %s',
    async (thrown) => {
      await expect(read({ v2: thrown, v1: 'one' })).rejects.toBe(thrown);
    },
  );
});
