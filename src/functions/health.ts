import * as z from 'zod';
import type { Services } from '../composition.ts';
import type { HealthReportAnswer, HealthWord, Misconfigured } from '../lib/api/answers/health.ts';
import { exampleTime } from '../lib/api/examples.ts';
import { type Answer, jsonContent, type RouteDocument } from '../lib/api/route.ts';
import { seesEveryTenant } from '../lib/access/tenants/visible-tenants.ts';
import type { HealthReport } from '../lib/health/health-reporter.ts';
import { adviceFor, type BrokerError } from '../lib/core/errors.ts';
import type { Caller } from '../lib/core/caller.ts';
import { defined } from '../lib/core/objects.ts';
import { rotateIfOverdue } from './rotation.ts';
import { route } from './route.ts';

export const health = route(
  { name: 'health', method: 'GET', path: '/health', access: 'optional', failures: [], misconfigured, document },
  async (services, { caller }) => {
    if (caller !== undefined) services.callers.limit.take(caller);
    rotateIfOverdue(services);
    const report = await services.health.report();
    const { status } = report;
    const body: HealthWord | HealthReportAnswer =
      caller === undefined || caller.roles.length === 0 ? { status } : await reportFor(services, caller, report);
    return {
      // A load balancer removes an instance that answers 503. `down` is the only status without any tokens.
      status: status === 'down' ? 503 : 200,
      headers: { 'cache-control': 'no-store' },
      jsonBody: body,
    };
  },
);

/** The report without texts that may name tenants which the caller may not read. */
async function reportFor(services: Services, caller: Caller, report: HealthReport): Promise<HealthReportAnswer> {
  const { tenants } = report;
  const isOpen = tenants.problem === undefined || (await seesEveryTenant(services.callers.policy, caller));
  return {
    ...report,
    tenants: isOpen ? tenants : { ...tenants, problem: hiddenProblem },
    tokens: services.broker.counts,
    ...defined({ partnerName: services.settings.PARTNER_NAME, release: await services.release() }),
  };
}

const hiddenProblem = 'Only callers that may read every tenant see the details.';

/** Answers while the settings are wrong. It names the settings, never a value: no caller can be authenticated. */
export function misconfigured({ code, detail }: BrokerError): Answer {
  const body: Misconfigured = { status: 'down', code, detail, advice: adviceFor(code, 'operator') };
  return { status: 503, headers: { 'cache-control': 'no-store' }, jsonBody: body };
}

const exampleApplication = {
  application: 'default',
  state: { status: 'degraded', thresholdDays: 14 },
  account: 'broker@partner.onmicrosoft.com',
  mfa: true,
  obtainedAt: '2026-11-24T03:00:00.000Z',
  ageDays: 0,
  expiresAt: '2027-02-22T03:00:00.000Z',
  daysLeft: 89,
  clientCredential: { kind: 'secret', endsAt: '2026-12-04T00:00:00.000Z', daysLeft: 9 },
  lastRotation: '2026-11-24T03:00:00.000Z',
  findings: [
    {
      severity: 'degraded',
      code: 'expires_soon',
      message: 'The client credential expires within 10 days.',
      advice: 'Run `ptb rotate --client-credential`, or `ptb setup --credential federated` to work without a secret.',
    },
  ],
};

async function document(): Promise<RouteDocument> {
  const { healthReportSchema, healthWordSchema, misconfiguredSchema } = await import('../lib/api/answers/health.ts');
  const report = {
    status: 'degraded',
    checkedAt: exampleTime,
    applications: [exampleApplication],
    policy: {
      status: 'ok',
      state: 'current',
      rules: 4,
      unused: { rules: 1, since: '2026-08-26T00:00:00.000Z' },
    },
    storage: { status: 'ok' },
    keyVault: { status: 'ok', lastReadAt: exampleTime },
    notifications: { status: 'ok' },
    tenants: { status: 'ok' },
    permissionMap: { status: 'ok', source: 'built-in', permissions: 122 },
    auditCheckpoints: { status: 'ok', state: 'current', lastAt: exampleTime },
    settings: { status: 'ok' },
    partnerName: 'Lighthouse Partners',
    tokens: { issued: 1280, fromCache: 1031 },
    release: { version: '0.1.0', commit: '3f786850e387550fdab836ed7e6dc881de23001b', sha256: 'a'.repeat(64) },
  };
  return {
    group: 'Health',
    summary: 'Show health',
    description:
      'Without a token, or with the token of a caller without any app role: the status only. To a caller with an app role: the lifetime of each credential, MFA, the last rotation, the policy, storage and what was deleted in it, Key Vault, notices, misspelt settings, excluded domains, the permission map, the checkpoints of the audit log and what is deployed, with advice for each finding. A report is cached for 15 seconds.',
    answers: [
      {
        status: 200,
        description: '`ok` or `degraded`: the broker issues tokens.',
        contents: [jsonContent(z.union([healthReportSchema, healthWordSchema]), report)],
      },
      {
        status: 503,
        description: '`down`: the broker cannot issue tokens. While settings are wrong, the answer names them.',
        contents: [
          jsonContent(z.union([healthReportSchema, misconfiguredSchema, healthWordSchema]), { status: 'down' }),
        ],
      },
    ],
  };
}
