/**
 * A request and its verdict: `allow` or the beginning of the reason for the refusal, method and URL, the permissions of the
 * rule, and the body. `{u}` stands for the id of somebody, `{own}` for the id of the signed-in account. An application's
 * request starts with `app:`.
 */
export type Case = readonly [
  verdict: string,
  request: string,
  permissions: string,
  body?: Readonly<Record<string, unknown>>,
];

export const somebody = '0a1b2c3d-0000-4000-8000-000000000001';
export const account = { id: '22222222-2222-4222-8222-222222222222', userPrincipalName: 'svc@partner.example' };
