import { partnerMap } from 'graph-permissions/partner-table';
import { expect, it } from 'vitest';
import { judgeRequest } from '../../../../src/lib/judge/judge.ts';

/* Lists that the map knows only with a type at their end. */

const list = '/v1.0/directory/deletedItems/microsoft.graph.group';

function reasonOf(url: string): string | undefined {
  const grant = {
    scheme: 'delegated',
    permissions: new Set(['Group.Read.All']),
    beta: false,
    me: false,
    host: 'graph.microsoft.com',
  } as const;
  const verdict = judgeRequest(partnerMap(), grant, { method: 'GET', url });
  return verdict.allowed ? undefined : verdict.reason;
}

it('are open with their type', () => {
  expect(reasonOf(list)).toBeUndefined();
});

it.each([`${list}/microsoft.graph.group`, `${list}/$/graph.group`, list.replace('/deleted', '/graph.group/deleted')])(
  'are refused with a second type: %s',
  (url) => {
    expect(reasonOf(url)).toMatch(/is a second type/);
  },
);
