import { expect, it } from 'vitest';
import { policyWarnings } from '../../../../../src/lib/access/policy/policy-warnings.ts';
import { parsePolicy } from '../../../../../src/lib/access/policy/parse-policy.ts';

const rule = {
  name: 'wide',
  callers: { applications: ['*'] },
  tenants: ['*'],
  resources: ['*'],
};
const parsed = (text: string) => parsePolicy(text);
const warnings = (changes: object): readonly string[] => {
  const result = parsed(JSON.stringify({ version: 1, rules: [{ ...rule, ...changes }] }));
  return result.ok ? policyWarnings(result) : result.problems;
};

it('warns about a rule without any limit, and about no other', () => {
  expect(warnings({})).toEqual(['The rule "wide" allows every caller every resource in every tenant.']);
  expect(warnings({ callers: { applications: ['11111111-1111-4111-8111-111111111111'] } })).toEqual([]);
  expect(warnings({ tenants: ['contoso.com'] })).toEqual([]);
  expect(warnings({ resources: ['graph'] })).toEqual([]);
});

it('rejects text that is not JSON and text longer than 4 MiB, and accepts a byte order mark at the start', () => {
  expect(parsed('{')).toMatchObject({
    ok: false,
    problems: [expect.stringMatching(/^.*is not JSON \(.+\)/) as string],
  });
  const text = JSON.stringify({ version: 1, rules: [] });
  const full = text + ' '.repeat(4 * 1024 * 1024 - text.length);
  expect(parsed(full).ok).toBe(true);
  expect(parsed(`${full} `)).toMatchObject({ ok: false, problems: [expect.stringContaining('4 MiB') as string] });
  expect(parsed(`\uFEFF${text}`).ok).toBe(true);
  expect(parsed(`${text}\uFEFF`).ok).toBe(false);
});

it('reports place, value (at most 100 characters) and valid values of a problem', () => {
  const problems = (changes: object): readonly string[] => {
    const result = parsed(JSON.stringify({ version: 1, rules: [{ ...rule, ...changes }] }));
    return result.ok ? [] : result.problems;
  };
  expect(problems({ grants: ['zebra'] })).toEqual([
    'rules[0].grants[0]: "zebra" is not one of delegated, application.',
  ]);
  const long = 'z'.repeat(1000);
  expect(problems({ grants: [long] })).toEqual([
    `rules[0].grants[0]: "${'z'.repeat(100)}" is not one of delegated, application.`,
  ]);
  expect(problems({ tenants: [`${long}!`] })).toEqual([
    expect.stringMatching(/^rules\[0\]\.tenants\[0\]: "z{100}" is neither/) as string,
  ]);
  expect(problems({ callers: null })).toEqual([expect.stringMatching(/^rules\[0\]\.callers: [^"]/) as string]);
  expect(parsed('{"version":1,"rules":[null]}')).toMatchObject({
    problems: [expect.stringMatching(/^rules\[0\]: [^"]/) as string],
  });
});

it.each([['null'], ['3'], ['"text"'], ['[]']])('rejects %s', (text) => {
  expect(parsed(text).ok).toBe(false);
});
