import type { PermissionMap } from 'graph-permissions/permission-map';
import { judgeRequest } from '../../../../../src/lib/judge/judge.ts';
import type { Verdict } from '../../../../../src/lib/judge/verdict.ts';

/**
 * A request and its verdict: `allow` or the beginning of the reason for the refusal, method and URL, the permissions of the
 * rule, and the body. `{u}` stands for the id of somebody, `{own}` for the id of the signed-in account. An application's
 * request starts with `app:`.
 */
export type Case = readonly [
  verdict: string,
  request: string,
  permissions: string,
  body?: Readonly<Record<string, unknown>> | undefined,
];

export const somebody = '0a1b2c3d-0000-4000-8000-000000000001';
export const account = { id: '22222222-2222-4222-8222-222222222222', userPrincipalName: 'svc@partner.example' };

/** @param me Whether the rule allows the objects of the signed-in account. */
export function judged(map: PermissionMap, [, request, permissions, body]: Case, me = true): Verdict {
  const application = request.startsWith('app:');
  const text = request.replace(/^app:/, '').replaceAll('{u}', somebody).replaceAll('{own}', account.id);
  const at = text.indexOf(' ');
  return judgeRequest(
    map,
    {
      scheme: application ? 'application' : 'delegated',
      permissions: new Set(permissions.split(' ').filter((name) => name !== '')),
      signedIn: account,
      beta: true,
      me,
      host: 'graph.microsoft.com',
    },
    {
      method: text.slice(0, at),
      url: text.slice(at + 1),
      body: body === undefined ? undefined : JSON.stringify(body).replaceAll('{own}', account.id),
    },
  );
}
