/** Invalid bodies of `POST /api/tokens`, each with the expected status and code. */
export const invalidRequests: readonly (readonly [unknown, number, string])[] = [
  [undefined, 400, 'request_invalid'],
  ['{"tenant":', 400, 'request_invalid'],
  ['[]', 400, 'request_invalid'],
  [new Uint8Array([0xff, 0xfe]), 400, 'request_invalid'],
  [' '.repeat(70_000), 413, 'request_too_large'],
  [{ tenant: '../../contoso', resource: 'graph' }, 400, 'request_invalid'],
  [{ tenant: ['contoso.com'], resource: 'graph' }, 400, 'request_invalid'],
  [{ tenant: 'cоntoso.com', resource: 'graph' }, 400, 'request_invalid'],
  [{ tenant: 'contoso.com', resource: 'https://graph.microsoft.com' }, 400, 'resource_not_allowed'],
  [
    { tenant: 'contoso.com', resource: 'graph', scopes: ['User.Read https://evil.example/.default'] },
    400,
    'request_invalid',
  ],
  [{ tenant: 'contoso.com', resource: 'graph', admin: true }, 400, 'request_invalid'],
  [{ tenant: 'nobody.example', resource: 'graph' }, 404, 'tenant_unknown'],
  [{ tenant: '00000000-0000-4000-8000-000000000001', resource: 'graph' }, 403, 'tenant_not_delegated'],
];
