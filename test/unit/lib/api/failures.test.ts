import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { failuresOf, type RouteContract } from '../../../../src/lib/api/route.ts';
import { type ErrorCode, errorTable } from '../../../../src/lib/core/errors.ts';

const route: RouteContract = { name: 'route', method: 'GET', path: '/route', access: 'Audit.Read', failures: [] };
const gate = ['caller_unauthenticated', 'caller_throttled', 'entra_unavailable', 'internal'];
const schema = z.strictObject({});
const codesOf = (more: Partial<RouteContract>) => failuresOf({ ...route, ...more });

describe('failuresOf', () => {
  it.each<[string, Partial<RouteContract>, string[]]>([
    ['with a role', {}, [...gate, 'config_invalid', 'caller_forbidden']],
    ['with one of several roles', { access: ['Audit.Read'] }, [...gate, 'config_invalid', 'caller_forbidden']],
    ['that is optional', { access: 'optional' }, gate],
    ['for anyone', { access: 'anonymous' }, ['internal']],
    ['for anyone, with a query', { access: 'anonymous', query: schema }, ['internal', 'request_invalid']],
    [
      'for anyone, with a body',
      { access: 'anonymous', body: schema },
      ['internal', 'request_invalid', 'request_too_large'],
    ],
    [
      'for anyone, with bytes',
      { access: 'anonymous', rawBody: true },
      ['internal', 'request_invalid', 'request_too_large'],
    ],
  ])('adds what the pipeline may answer to a route %s', (_, more, codes) => {
    expect(new Set(codesOf(more))).toEqual(new Set(codes));
  });

  it('lists each code once, in the order of the error table', () => {
    const codes = codesOf({ failures: ['throttled', 'internal', 'caller_forbidden', 'tenant_unknown'] });
    const inTable = (Object.keys(errorTable) as ErrorCode[]).filter((code) => codes.includes(code));
    expect(codes).toEqual(inTable);
    expect(codes).toHaveLength(8);
  });
});
