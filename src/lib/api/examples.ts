import { adviceFor } from '../core/errors.ts';

/** Made-up values that the examples of several routes share. */

export const exampleTenantId = '6f9c1f0e-3b8a-4d59-9a51-5c2f3f1a7b10';
export const exampleOtherTenantId = '1b2f6c3a-64a2-4c1b-8f6e-0a9d7e5c4b3a';
export const exampleDomain = 'contoso.onmicrosoft.com';
export const exampleCallerId = '0d2d4b52-7c1a-4f4e-8f0b-1f3b8c9a6e21';
export const exampleTokenId = 'b5a3c1d2-9e8f-4a7b-8c6d-5e4f3a2b1c0d';
export const exampleCorrelationId = '2c1e7c57-58a5-4d8e-9d0b-7a0e5b1f4c33';
export const exampleRunId = 'licence-report@2026-11-24T05:00Z';
export const examplePlanId = 'block-user-consent@manual-8d9f7a54-0d0c-4c5e-9a51-9f3a2f6a2b7e';
export const exampleApprovalId = '20261124t050000-7f3a9c21';
export const exampleTime = '2026-11-24T05:00:00.000Z';
export const exampleEnd = '2026-11-24T05:00:41.500Z';

const exampleCounts = { total: 25, succeeded: 23, failed: 2, skipped: 0, notAttempted: 0 };

export const exampleSummary = {
  runId: exampleRunId,
  job: 'licence-report',
  window: '2026-11-24T05:00Z',
  status: 'completed',
  outcome: 'partly_failed',
  tenants: exampleCounts,
  startedBy: 'timer',
  startedAt: exampleTime,
  finishedAt: exampleEnd,
  durationMs: 41_500,
  warnings: [],
};

export const exampleFailureText = {
  code: 'consent_required',
  title: 'No consent for the application',
  advice: adviceFor('consent_required', 'operator'),
};

const exampleAsker = {
  objectId: '7c9e6679-7425-40de-944b-e07fc1f90ae7',
  applicationId: exampleCallerId,
  kind: 'application',
  name: 'Helpdesk',
};

export const exampleApprovalSummary = {
  id: exampleApprovalId,
  kind: 'request',
  title: 'PATCH /v1.0/users/0a1b at graph in Contoso',
  status: 'pending',
  rule: 'helpdesk may block users of gold tenants',
  tenantId: exampleTenantId,
  facts: [{ name: 'Request', value: 'PATCH /v1.0/users/0a1b' }],
  asker: exampleAsker,
  reason: 'The account sends spam, ticket 4711.',
  askedAt: exampleTime,
  expiresAt: '2026-11-24T06:00:00.000Z',
  approvalsNeeded: 1,
  approvalsGiven: 0,
  deciders: [],
  servedOnce: true,
  validMinutes: 60,
  possibleDecisions: ['approve', 'deny', 'revoke'],
};

export const exampleApproval = {
  ...exampleApprovalSummary,
  details: [{ name: 'Body', value: '{ "accountEnabled": false }' }],
  digest: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  from: ['Approvals.Decide'],
  decisions: [],
  correlationId: exampleCorrelationId,
};

/** Documents the path parameter that the routes of one run share. */
export const runIdParameter = {
  runId: { description: '`job@window`, percent-encoded like any path segment.', example: exampleRunId },
};
