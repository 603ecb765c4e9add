import * as z from 'zod';
import { dayMs } from '../lib/core/clock.ts';
import { defineJob } from '../lib/runs/job/job.ts';
import type { Row } from '../lib/runs/job/row.ts';

const credential = z.object({
  keyId: z.string().nullish(),
  displayName: z.string().nullish(),
  endDateTime: z.string().nullish(),
});
const application = z.object({
  appId: z.string(),
  displayName: z.string().nullish(),
  passwordCredentials: z.array(credential).nullish(),
  keyCredentials: z.array(credential).nullish(),
});

/** Reports application credentials that expire soon or have expired: key ids and dates only, never secrets. */
export default defineJob({
  name: 'secret-expiry-report',
  title: 'Expiring application credentials',
  description: 'Secrets and certificates of the applications in each tenant that have expired or expire soon.',
  topic: 'identity',
  schedule: '0 30 6 * * *',
  resources: ['graph'],
  permissions: ['Application.Read.All'],
  directoryRoles: [
    'Directory Readers',
    'Security Reader',
    'Global Reader',
    'Cloud Application Administrator',
    'Application Administrator',
    'Security Administrator',
  ],
  timeoutSeconds: 300,
  parameters: z.object({
    days: z.int().min(0).max(3650).default(30).meta({
      title: 'Days ahead',
      description: 'Reports what expires within this number of days. 0 reports only what has expired.',
    }),
  }),
  columns: [
    { name: 'application', title: 'Application', type: 'text' },
    { name: 'appId', title: 'Application id', type: 'text' },
    { name: 'kind', title: 'Kind', type: 'text' },
    { name: 'credential', title: 'Credential', type: 'text' },
    { name: 'keyId', title: 'Key id', type: 'text' },
    { name: 'endsAt', title: 'Ends', type: 'date' },
    { name: 'daysLeft', title: 'Days left', type: 'number', compare: false, history: false },
  ],
  key: ['appId', 'kind', 'keyId'],
  historyBy: 'kind',
  async run({ graph, parameters, nowMs }) {
    const rows: Row[] = [];
    const path = '/applications?$top=999&$select=appId,displayName,passwordCredentials,keyCredentials';
    for await (const app of graph.list(path, { shape: application })) {
      for (const [kind, list] of [
        ['secret', app.passwordCredentials],
        ['certificate', app.keyCredentials],
      ] as const) {
        for (const { keyId, displayName, endDateTime } of list ?? []) {
          const endsAtMs = Date.parse(endDateTime ?? '');
          const daysLeft = Math.floor((endsAtMs - nowMs) / dayMs);
          // NaN, for a credential without an end date, compares as false.
          if (!(daysLeft < parameters.days)) continue;
          rows.push({
            application: app.displayName ?? null,
            appId: app.appId,
            kind,
            credential: displayName ?? null,
            keyId: keyId ?? null,
            endsAt: new Date(endsAtMs).toISOString(),
            daysLeft,
          });
        }
      }
    }
    return rows;
  },
});
