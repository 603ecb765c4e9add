import { describe, expect, it } from 'vitest';
import { parseFilter } from '../../src/graph/filter.ts';

const item = {
  displayName: "O'Neill Farms",
  status: 'active',
  count: 3,
  enabled: true,
  none: null,
  customer: { tenantId: 'T1' },
  uris: ['api://one', 'api://two'],
};

describe('parseFilter', () => {
  it.each([
    ["status eq 'active'", true],
    ["status eq 'ACTIVE'", true],
    ["status ne 'active'", false],
    ["displayName eq 'O''Neill Farms'", true],
    ["startswith(displayName,'o''n')", true],
    ["startswith(displayName, 'x')", false],
    ["customer/tenantId eq 'T1' and count gt 2", true],
    ["status eq 'x' or (count ge 3 and not enabled eq false)", true],
    ["status in ('terminated','active')", true],
    ["uris/any(x:x eq 'api://two')", true],
    ["uris/any(x:x eq 'api://three')", false],
    ['none eq null', true],
    ['enabled eq true', true],
    ['count le 2', false],
  ])('evaluates %s to %s', (filter, expected) => {
    expect(parseFilter(filter)(item)).toBe(expected);
  });

  it.each([
    'status',
    'status eq',
    "status like 'x'",
    "(status eq 'x'",
    "status eq 'x' and",
    "contains(status,'a')",
    "'",
  ])('rejects %s', (filter) => {
    expect(() => parseFilter(filter)).toThrow(SyntaxError);
  });
});
