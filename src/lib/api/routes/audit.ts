import { auditAnswerSchema } from '../answers/audit.ts';
import { auditQuerySchema } from '../requests.ts';
import { directoryFailures, type Route } from '../route.ts';
import {
  exampleCallerId,
  exampleCorrelationId,
  exampleDomain,
  exampleTenantId,
  exampleTime,
  exampleTokenId,
} from './examples.ts';

export const auditRoutes: readonly Route[] = [
  {
    name: 'audit',
    method: 'GET',
    path: '/audit',
    group: 'Audit',
    summary: 'Who got which token',
    description:
      'Every token that was handed out or refused, newest first; never the token itself. Follow `continuation` until it is absent: a page may be empty although older entries exist.',
    access: 'Audit.Read',
    query: auditQuerySchema,
    queryExample: { tenant: exampleDomain, limit: '50' },
    answers: [
      {
        status: 200,
        description: 'One page.',
        contents: [
          {
            mediaType: 'application/json',
            schema: auditAnswerSchema,
            example: {
              from: '2026-11-23T05:00:00.000Z',
              to: exampleTime,
              entries: [
                {
                  at: '2026-11-24T04:59:58.120Z',
                  correlationId: exampleCorrelationId,
                  tokenId: exampleTokenId,
                  outcome: 'issued',
                  caller: {
                    applicationId: exampleCallerId,
                    objectId: '7c9e6679-7425-40de-944b-e07fc1f90ae7',
                    kind: 'application',
                  },
                  rule: 'helpdesk may read Graph in gold tenants',
                  tenantId: exampleTenantId,
                  tenantAsked: exampleDomain,
                  resource: 'graph',
                  scopes: ['User.Read.All'],
                  grant: 'delegated',
                  application: 'reader',
                  expiresAt: '2026-11-24T06:10:02.000Z',
                  tokenFingerprint: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
                  fromCache: false,
                },
              ],
            },
          },
        ],
      },
    ],
    failures: ['request_invalid', 'tenant_unknown', ...directoryFailures, 'storage_unavailable'],
  },
];
