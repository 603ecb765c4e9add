import type { MetricFacts } from '../../src/lib/health/collect-metrics.ts';
import { AppMetrics } from '../../src/lib/core/metrics.ts';

/** Facts in which every metric has a value. */
export function collectedFacts(): MetricFacts {
  const metrics = new AppMetrics();
  metrics.httpRequests.add('tokens', '200');
  metrics.httpRequests.add('tokens', '200');
  metrics.tokens.add('issued', 'graph', '');
  metrics.gatewayRequests.add('answered', 'graph', '');
  for (const seconds of [0.2, 0.5, 20]) metrics.redemptions.observe(seconds, 'ok');
  metrics.auditWrites.observe(0.01, 'ok');
  const ok = { status: 'ok' } as const;
  return {
    metrics,
    health: {
      status: 'degraded',
      checkedAt: '2026-11-24T03:00:00.000Z',
      applications: [
        {
          application: 'default',
          state: { status: 'degraded', thresholdDays: 14 },
          obtainedAt: '2026-11-24T03:00:00.000Z',
          expiresAt: '2027-02-22T03:00:00.000Z',
          clientCredential: { kind: 'secret', endsAt: '2026-12-04T00:00:00.000Z', daysLeft: 9 },
          lastRotation: '2026-11-24T03:00:00.000Z',
          findings: [],
        },
      ],
      policy: { ...ok, state: 'current', rules: 4 },
      storage: { status: 'down', problem: 'Storage does not answer.' },
      keyVault: ok,
      notifications: ok,
      tenants: ok,
      permissionMap: ok,
      auditCheckpoints: { ...ok, state: 'current' },
      settings: ok,
    },
    tokens: { issued: 10, fromCache: 6 },
    waiting: { entra: 3, resources: 0, tenants: 0 },
    gatewayWaiting: new Map([['graph', 2]]),
    runs: { active: [{ job: 'licence-report', runs: 1 }], lag: [{ job: 'licence-report', seconds: 90 }] },
    process: { startedAtSeconds: 1_795_000_000, cpuSeconds: 12.5, residentBytes: 1e8 },
  };
}
