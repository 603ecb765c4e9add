import { describe, expect, test, vi } from 'vitest';
import { parseTenantId } from '../../../../src/lib/core/identifiers.ts';
import { type IsSelected, parseFilter } from '../../../../src/lib/notices/filter.ts';
import type { Notice } from '../../../../src/lib/notices/notice.ts';
import { noticeOf } from '../../../support/notices.ts';

const gold = parseTenantId('00000000-0000-4000-8000-000000000001')!;
const other = parseTenantId('00000000-0000-4000-8000-000000000002')!;
const isSelected: IsSelected = async (_, tenantId) => tenantId === gold;

const info = noticeOf('a', { severity: 'info', kind: 'credential.changed' });
const warning = noticeOf('a', { severity: 'warning', kind: 'run.more-failures' });
const critical = noticeOf('a', { severity: 'critical', kind: 'emergency.used', tenantId: gold });
const ofOther = { ...critical, tenantId: other };

async function passed(text: string | undefined, target: 'chat' | 'webhook' = 'chat'): Promise<string[]> {
  const filter = parseFilter(text, isSelected);
  const names: [string, Notice][] = Object.entries({ info, warning, critical, ofOther });
  const through: string[] = [];
  for (const [name, notice] of names) if (await filter(target, notice)) through.push(name);
  return through;
}

test.each([
  [undefined, ['info', 'warning', 'critical', 'ofOther']],
  ['', ['info', 'warning', 'critical', 'ofOther']],
  [' ; ', ['info', 'warning', 'critical', 'ofOther']],
  ['severity=info', ['info', 'warning', 'critical', 'ofOther']],
  ['severity=warning', ['warning', 'critical', 'ofOther']],
  ['severity=critical', ['critical', 'ofOther']],
  ['kind=run.more-failures,emergency.used', ['warning', 'critical', 'ofOther']],
  ['kind=run.*', ['warning']],
  ['tenants=tag:gold', ['info', 'warning', 'critical']],
  ['severity=critical tenants=tag:gold', ['critical']],
  ['except=group:internal kind=emergency.used', ['critical']],
  ['kind=run.*; severity=critical', ['warning', 'critical', 'ofOther']],
  ['chat severity=critical', ['critical', 'ofOther']],
  ['webhook severity=critical', ['info', 'warning', 'critical', 'ofOther']],
  ['webhook severity=critical; kind=run.*', ['warning']],
  ['chat  severity=critical\tkind=emergency.used', ['critical', 'ofOther']],
  ['kind=run.*,,', ['warning']],
  ['chat', ['info', 'warning', 'critical', 'ofOther']],
  ['chat severity=critical; chat', ['info', 'warning', 'critical', 'ofOther']],
])('"%s" lets the chat have %o', async (text, through) => {
  expect(await passed(text)).toEqual(through);
});

test('a rule without a target is for every target', async () => {
  expect(await passed('kind=run.*; webhook kind=credential.changed', 'webhook')).toEqual(['info', 'warning']);
});

test('asks for tenants with both lists, and only if the rest lets the notice through', async () => {
  const asks = vi.fn<IsSelected>(async () => true);
  const filter = parseFilter('severity=critical tenants=group:a,tag:b=c except=contoso.com', asks);
  expect(await filter('chat', { ...info, tenantId: gold })).toBe(false);
  expect(asks).not.toHaveBeenCalled();
  expect(await filter('chat', critical)).toBe(true);
  expect(asks.mock.calls).toEqual([[{ tenants: ['group:a', 'tag:b=c'], except: ['contoso.com'] }, gold]]);
});

test('fails if tenants cannot be decided', async () => {
  const filter = parseFilter('tenants=group:a', () => Promise.reject(new Error('no tags')));
  await expect(filter('chat', critical)).rejects.toThrow('no tags');
});

describe('wrong text', () => {
  test.each([
    ['loud', 'rule 1, word 1 is none of chat, webhook, severity=, kind=, tenants= and except='],
    ['severity=error', 'rule 1, word 1 is not severity=info|warning|critical'],
    ['severity=', 'rule 1, word 1 is not severity=info|warning|critical'],
    ['severity', 'rule 1, word 1 is not severity=info|warning|critical'],
    ['=severity', 'rule 1, word 1 is none of'],
    ['severitywarning', 'rule 1, word 1 is none of'],
    ['kind=,', 'rule 1, word 1 is not kind= and kinds such as run.failed or run.*'],
    ['kind=', 'rule 1, word 1 is not kind= and kinds such as run.failed or run.*'],
    ['kind=run', 'rule 1, word 1 is not kind= and kinds such as run.failed or run.*'],
    ['kind=run.failed,typo.*', 'rule 1, word 1 is not kind= and kinds such as run.failed or run.*'],
    ['kind=*', 'rule 1, word 1 is not kind= and kinds such as run.failed or run.*'],
    [
      'kind=run.*; chat tenants=group:!',
      'rule 2, word 2 is not tenants= and tenant ids, domains, group:NAME and tag:NAME',
    ],
    ['except=*', 'rule 1, word 1 is not except= and tenant ids, domains, group:NAME and tag:NAME'],
    ['tenants=', 'rule 1, word 1 is not tenants= and tenant ids, domains, group:NAME and tag:NAME'],
    ['severity=info severity=info', 'rule 1, word 2 repeats severity'],
    ['kind=run.* kind=run.*', 'rule 1, word 2 repeats kind'],
    ['tenants=tag:a tenants=tag:b', 'rule 1, word 2 repeats tenants'],
    ['severity=info chat', 'rule 1, word 2 names a target, which belongs at the beginning of a rule'],
    ['chat webhook', 'rule 1, word 2 names a target, which belongs at the beginning of a rule'],
    ['pasted-secret', 'rule 1, word 1 is none of'],
  ])('"%s" is refused: %s', (text, problem) => {
    const parse = () => parseFilter(text, isSelected);
    expect(parse).toThrow(
      expect.objectContaining({ code: 'config_invalid', detail: expect.stringContaining(problem) }),
    );
    expect(parse).toThrow(expect.objectContaining({ detail: expect.not.stringContaining('pasted') }));
  });
});
