import { expect, it } from 'vitest';
import { denialError } from '../../../../../src/lib/access/tenants/requested-tenant.ts';
import { refusalError } from '../../../../../src/lib/gateway/send/authorize.ts';

it.each([
  ['role', 'role'],
  ['tenant', 'rule'],
  ['resource', 'rule'],
  ['caller', 'rule'],
] as const)('a denial at the stage %s lacks a %s', (missing, lacks) => {
  expect(denialError({ allow: false, missing, reason: 'Why.' })).toMatchObject({ code: 'caller_forbidden', lacks });
});

it('a request that the judge refuses lacks nothing but another request; an unreadable one is corrected', () => {
  const refused = { allowed: false, reason: 'Why.' } as const;
  expect(refusalError({ ...refused, kind: 'not-permitted' })).toMatchObject({
    code: 'caller_forbidden',
    lacks: 'request',
  });
  expect(refusalError({ ...refused, kind: 'unreadable' })).toMatchObject({ code: 'request_invalid', lacks: undefined });
});
