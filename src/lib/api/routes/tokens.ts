import { tokenRequestSchema } from '../../broker/issue-token.ts';
import { tokenAnswerSchema } from '../answers/tokens.ts';
import { directoryFailures, type Route } from '../route.ts';
import { exampleDomain, exampleTenantId, exampleTokenId } from './examples.ts';

export const tokenRoutes: readonly Route[] = [
  {
    name: 'tokens',
    method: 'POST',
    path: '/tokens',
    group: 'Tokens',
    summary: 'A token for one tenant and one resource',
    description:
      'Hands out a short-lived access token if the access policy allows it to the caller, and only when the record of it is durable. The token lives at least `minimumLifetimeSeconds`. Entra puts every scope that was consented to the application into a delegated token, whatever was asked: `scopes` in the answer says what it really carries. A kept token that lacks a scope which is asked for is replaced first, at most every three minutes: consent may have been given since.',
    access: 'Tokens.Request',
    body: { schema: tokenRequestSchema, example: { tenant: exampleDomain, resource: 'graph' } },
    answers: [
      {
        status: 200,
        description: 'The token. It is a secret: keep it in memory, for as long as it lives.',
        contents: [
          {
            mediaType: 'application/json',
            schema: tokenAnswerSchema,
            example: {
              accessToken: '(the token)',
              tokenType: 'Bearer',
              expiresAt: '2026-11-24T10:12:44.000Z',
              expiresInSeconds: 4172,
              tenantId: exampleTenantId,
              resource: 'graph',
              scopes: ['Directory.Read.All', 'User.Read.All'],
              grant: 'delegated',
              tokenId: exampleTokenId,
            },
          },
        ],
        headers: {
          Deprecation: 'Set where Microsoft has deprecated the resource (RFC 9745).',
          Sunset: 'When Microsoft ended the resource (RFC 8594).',
        },
      },
    ],
    failures: [
      'request_invalid',
      'request_too_large',
      'resource_not_allowed',
      'scope_not_allowed',
      'tenant_unknown',
      'tenant_not_delegated',
      'tenant_excluded',
      ...directoryFailures,
      'resource_unavailable',
      'access_denied',
      'throttled',
      'entra_request_rejected',
      'key_vault_unavailable',
      'audit_unavailable',
    ],
  },
];
