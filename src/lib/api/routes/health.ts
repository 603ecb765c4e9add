import * as z from 'zod';
import { healthReportSchema, healthWordSchema, misconfiguredSchema } from '../answers/health.ts';
import type { Route } from '../route.ts';
import { exampleTime } from './examples.ts';

const report = {
  status: 'degraded',
  checkedAt: exampleTime,
  applications: [
    {
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
          message: 'The client credential ends in 10 days at most.',
          advice: 'Run `ptb rotate --client-credential`, or `ptb setup --credential federated` to do without a secret.',
        },
      ],
    },
  ],
  policy: { status: 'ok', state: 'current', rules: 4 },
  storage: { status: 'ok' },
  keyVault: { status: 'ok', lastReadAt: exampleTime },
  notifications: { status: 'ok' },
  tokens: { issued: 1280, fromCache: 1031 },
};

export const healthRoutes: readonly Route[] = [
  {
    name: 'health',
    method: 'GET',
    path: '/health',
    group: 'Health',
    summary: 'How the broker is',
    description:
      'One word for everybody. With the token of a caller (no role is needed): how long each credential lives, MFA, the last rotation, the policy, storage, Key Vault and notices, with what to do about each finding. One report serves everybody for 15 seconds.',
    access: 'optional',
    answers: [
      {
        status: 200,
        description: '`ok`, or `degraded`: tokens are handed out.',
        contents: [
          {
            mediaType: 'application/json',
            schema: z.union([healthReportSchema, healthWordSchema]),
            example: report,
          },
        ],
      },
      {
        status: 503,
        description: '`down`: no token can be had here. While the settings are wrong, the answer names them.',
        contents: [
          {
            mediaType: 'application/json',
            schema: z.union([healthReportSchema, misconfiguredSchema, healthWordSchema]),
            example: { status: 'down' },
          },
        ],
      },
    ],
    failures: [],
  },
];
