import { describe, expect, it } from 'vitest';
import { judgeScopes, type ScopeLimit } from '../../../../src/lib/callers/judge-scopes.ts';

const limit = (scopes: string[] | undefined, excessScopes: ScopeLimit['excessScopes'] = 'refuse'): ScopeLimit => ({
  scopes,
  excessScopes,
});
const graph = 'https://graph.microsoft.com';

describe('a rule that names scopes', () => {
  it.each<[string, string[], string[]]>([
    ['exactly those', ['User.Read', 'Mail.Read'], []],
    ['fewer', ['Mail.Read'], []],
    ['one more', ['User.Read', 'Mail.Read', 'Mail.Send'], ['Mail.Send']],
    ['those of OpenID Connect besides', ['openid', 'profile', 'email', 'offline_access', 'User.Read'], []],
    ['the resource in front', [`${graph}/User.Read`, `${graph}/.default`], []],
    ['one more with the resource in front', [`${graph}//Mail.Send`, 'User.Read'], ['Mail.Send']],
    ['the same in other capitals, which is not known to be the same', ['user.read'], ['user.read']],
    ['one that only begins alike', ['User.Read.All'], ['User.Read.All']],
    ['the same excess twice', ['Mail.Send', `${graph}/Mail.Send`], ['Mail.Send']],
  ])('judges a token with %s', (_name, carried, excess) => {
    const refusing = judgeScopes(limit(['User.Read', 'Mail.Read']), carried);
    expect(refusing).toMatchObject({ handOut: excess.length === 0, excess });
    expect(judgeScopes(limit(['User.Read', 'Mail.Read'], 'record'), carried)).toEqual({ handOut: true, excess });
  });

  it('hands out no token whose scopes are not known', () => {
    for (const unknown of [[], ['.default'], [`${graph}/.default`]]) {
      expect(judgeScopes(limit(['User.Read']), unknown)).toEqual({
        handOut: false,
        excess: [],
        reason: 'The scopes of the token are not known.',
      });
    }
  });

  it('names what is too much, but not a page of it', () => {
    const many = Array.from({ length: 150 }, (_, index) => `Scope${index}.Read`);
    const judged = judgeScopes(limit(['User.Read']), many);
    expect(judged).toMatchObject({
      reason:
        'The token would also carry Scope0.Read, Scope1.Read, Scope2.Read, Scope3.Read, Scope4.Read and 145 more.',
    });
    expect(judged.excess).toHaveLength(150);
    const reasonOf = (count: number): unknown =>
      (judgeScopes(limit(['User.Read']), many.slice(0, count)) as { reason?: string }).reason;
    expect(reasonOf(2)).toBe('The token would also carry Scope0.Read, Scope1.Read.');
    expect(reasonOf(5)).toMatch(/Scope3\.Read, Scope4\.Read\.$/);
    expect(reasonOf(6)).toMatch(/Scope4\.Read and 1 more\.$/);
  });
});

it('leaves a token alone where the rule sets no limit', () => {
  expect(judgeScopes(limit(undefined), ['Everything.All'])).toEqual({ handOut: true, excess: [] });
});
