import { tenantsAnswerSchema } from '../answers/tenants.ts';
import { directoryFailures, type Route } from '../route.ts';
import { exampleDomain, exampleEnd, exampleRunId, exampleTenantId, exampleTime } from './examples.ts';

export const tenantRoutes: readonly Route[] = [
  {
    name: 'tenants',
    method: 'GET',
    path: '/tenants',
    group: 'Tenants',
    summary: 'The customer tenants',
    description:
      'Every customer tenant that Microsoft lists for the partner (delegated relationships, contracts, Partner Center), whether it can be reached and why, and what the jobs found there last. The list is kept for ten minutes.',
    access: 'Tenants.Read',
    answers: [
      {
        status: 200,
        description: 'Sorted by name. Tenants that are out of reach or left out are in it, with the reason.',
        contents: [
          {
            mediaType: 'application/json',
            schema: tenantsAnswerSchema,
            example: {
              tenants: [
                {
                  tenantId: exampleTenantId,
                  name: 'Contoso',
                  defaultDomain: exampleDomain,
                  relationship: 'gdap',
                  relationshipEndsAt: '2027-06-30T00:00:00.000Z',
                  reachable: true,
                  reason: 'gdap_active',
                  explanation: 'A GDAP relationship is active.',
                  sources: ['relationships', 'contracts', 'partner-center'],
                  lastResults: [
                    { job: 'licence-report', runId: exampleRunId, outcome: 'succeeded', finishedAt: exampleEnd },
                  ],
                },
              ],
              warnings: [],
              asOf: exampleTime,
            },
          },
        ],
      },
    ],
    failures: directoryFailures,
  },
];
