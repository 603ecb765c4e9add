import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { partnerMap } from 'graph-permissions/partner-table';
import { describe, expect, it } from 'vitest';
import { parsePolicy } from '../../../../../src/lib/access/policy/parse-policy.ts';
import { judgeScopes, type ScopeLimit } from '../../../../../src/lib/access/policy/policy.ts';
import { type PermissionProfile, profiles } from '../../../../../src/lib/consent/permissions.ts';
import { missingPermissions } from '../../../../../src/lib/gateway/send/protected-targets.ts';
import { projectRoot } from '../../../../paths.ts';

const limit = (scopes: string[] | undefined, excessScopes: ScopeLimit['excessScopes'] = 'refuse'): ScopeLimit => ({
  scopes,
  excessScopes,
});
const graph = 'https://graph.microsoft.com';
const graphAppId = '00000003-0000-0000-c000-000000000000';

describe('the sample policy', () => {
  const read = (file: string): string => readFileSync(join(projectRoot, file), 'utf8');
  const parsed = parsePolicy(read('access-policy.sample.json'));
  const rules = parsed.ok ? parsed.policy.rules.filter(({ scopes }) => scopes) : [];
  const documented = read('docs/permissions.md');
  const profileFile = JSON.parse(/```json\n(.+?)```/s.exec(documented)?.[1] ?? '') as {
    name: string;
    resources: { appId: string; scopes: string[] }[];
  };

  /** The scopes for Microsoft Graph in each token of an application: of its profile, or as docs/permissions.md lists them. */
  function consented(application: string): readonly string[] | undefined {
    if (application === profileFile.name)
      return profileFile.resources.flatMap(({ appId, scopes }) => (appId === graphAppId ? scopes : []));
    const profile: PermissionProfile | undefined = application === 'default' ? profiles.gdap : undefined;
    if (profile !== undefined)
      return profile.resources.find(({ appId }) => appId === graphAppId)?.scopes.map(({ value }) => value);
    const line = new RegExp(`^- \`${application}\`: (.+)$`, 'm').exec(documented)?.[1];
    return line?.match(/[A-Z]\w+(?:\.\w+)+/g) ?? undefined;
  }

  it('names an application for each rule with scopes, whose permissions are written down', () => {
    expect(rules.map(({ application }) => application)).toEqual(['users', 'changes', 'licences']);
    expect(rules.map(({ application }) => consented(application)).filter((each) => each === undefined)).toEqual([]);
  });

  it.each(rules.map((rule) => [rule.name, rule] as const))('has what this rule needs: %s', (_, rule) => {
    const carried = consented(rule.application) ?? [];
    expect(carried).toEqual(expect.arrayContaining([...(rule.scopes ?? [])]));
    // Only a token that a caller gets is limited by what it carries. The gateway limits requests.
    if (rule.tokens) expect(judgeScopes(rule, carried)).toMatchObject({ allow: true });
    const held = { scheme: 'delegated', permissions: new Set(carried) } as const;
    expect(rule.protect === undefined ? [] : missingPermissions(partnerMap(), rule.protect, held)).toEqual([]);
  });
});

describe('judgeScopes with a rule that names scopes', () => {
  it.each<[string, string[], string[]]>([
    ['exactly the named scopes', ['User.Read', 'Mail.Read'], []],
    ['fewer scopes', ['Mail.Read'], []],
    ['one more scope', ['User.Read', 'Mail.Read', 'Mail.Send'], ['Mail.Send']],
    ['additional OpenID Connect scopes', ['openid', 'profile', 'email', 'offline_access', 'User.Read'], []],
    ['resource prefixes', [`${graph}/User.Read`, `${graph}/.default`], []],
    ['one more scope with a resource prefix', [`${graph}//Mail.Send`, 'User.Read'], ['Mail.Send']],
    ['a named scope in other capitals', ['user.read'], ['user.read']],
    ['a scope that a named one is a prefix of', ['User.Read.All'], ['User.Read.All']],
    ['the same excess twice', ['Mail.Send', `${graph}/Mail.Send`], ['Mail.Send']],
  ])('judges a token with %s', (_name, carried, excess) => {
    const refusing = judgeScopes(limit(['User.Read', 'Mail.Read']), carried);
    expect(refusing).toMatchObject({ allow: excess.length === 0, excess });
    expect(judgeScopes(limit(['User.Read', 'Mail.Read'], 'record'), carried)).toEqual({ allow: true, excess });
  });

  it('refuses a token whose scopes are unknown', () => {
    for (const unknown of [[], ['.default'], [`${graph}/.default`]]) {
      expect(judgeScopes(limit(['User.Read']), unknown)).toEqual({
        allow: false,
        excess: [],
        reason: 'The scopes of the token are unknown.',
      });
    }
  });

  it('names at most five excess scopes', () => {
    const many = Array.from({ length: 150 }, (_, index) => `Scope${index}.Read`);
    const judged = judgeScopes(limit(['User.Read']), many);
    expect(judged).toMatchObject({
      reason:
        'The token would carry scopes that the rule does not allow: Scope0.Read, Scope1.Read, Scope2.Read, Scope3.Read, Scope4.Read and 145 more.',
    });
    expect(judged.excess).toHaveLength(150);
    const reasonOf = (count: number): unknown =>
      (judgeScopes(limit(['User.Read']), many.slice(0, count)) as { reason?: string }).reason;
    expect(reasonOf(2)).toBe('The token would carry scopes that the rule does not allow: Scope0.Read, Scope1.Read.');
    expect(reasonOf(5)).toMatch(/Scope3\.Read, Scope4\.Read\.$/);
    expect(reasonOf(6)).toMatch(/Scope4\.Read and 1 more\.$/);
  });
});

it('allows any scopes when the rule sets no limit', () => {
  expect(judgeScopes(limit(undefined), ['Everything.All'])).toEqual({ allow: true, excess: [] });
});
