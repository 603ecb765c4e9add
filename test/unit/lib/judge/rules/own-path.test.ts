import { describe, expect, it } from 'vitest';
import { ownPath } from '../../../../../src/lib/judge/rules/special-endpoints.ts';
import type { Grant } from '../../../../../src/lib/judge/verdict.ts';
import { account } from '../cases/case.ts';

type Parts = Parameters<typeof ownPath>[0];
const grant: Grant = {
  scheme: 'delegated',
  permissions: new Set(),
  signedIn: account,
  beta: false,
  me: true,
  host: 'graph.microsoft.com',
};
const word = (text: string): Parts[number] => ({ kind: 'word', text });
const own = (parts: Parts, more: Partial<Grant> = {}): boolean => ownPath(parts, { ...grant, ...more });

describe('a path below the signed-in account', () => {
  it.each<[what: string, parts: Parts]>([
    ['/me', [word('Me'), word('messages')]],
    ['its id', [word('users'), word(account.id.toUpperCase())]],
    ['its id in parentheses', [word('Users'), { kind: 'key', text: account.id }]],
    ['its name', [word('users'), word(account.userPrincipalName.toUpperCase())]],
  ])('is %s', (_, parts) => {
    expect(own(parts)).toBe(true);
  });

  it.each<[what: string, parts: Parts, more?: Partial<Grant>]>([
    ['an object of another kind with the same id', [word('groups'), word(account.id)]],
    ['another user', [word('users'), word('somebody@contoso.com')]],
    ['all users', [word('users')]],
    ['a function of users', [word('users'), { kind: 'qualified', text: account.id, parameters: undefined }]],
    ['of an application', [word('users'), word(account.id)], { scheme: 'application' }],
    ['of a rule without /me', [word('users'), word(account.id)], { me: false }],
    ['of nobody who is known', [word('users'), word(account.id)], { signedIn: undefined }],
    ['an empty name', [word('users'), word('')], { signedIn: { id: account.id, userPrincipalName: '' } }],
  ])('is not %s', (_, parts, more) => {
    expect(own(parts, more)).toBe(false);
  });

  it('is refused as /me to an application, and to a rule that does not name it', () => {
    expect(() => own([word('me')], { scheme: 'application' })).toThrow('An application has no /me');
    expect(() => own([word('me')], { me: false })).toThrow('The rule does not allow /me');
  });
});
