import * as z from 'zod';
import { dayMs } from '../lib/core/clock.ts';
import { defineJob } from '../lib/runs/job/job.ts';
import type { Row } from '../lib/runs/job/row.ts';
import { timeMs } from './parts.ts';

const text = z.string().nullish();
const subscription = z.object({
  id: z.string(),
  skuPartNumber: text,
  status: text,
  totalLicenses: z.number().nullish(),
  isTrial: z.boolean().nullish(),
  nextLifecycleDateTime: text,
  ownerTenantId: text,
});

/**
 * Reports when subscriptions enter their next state unless they are renewed ("companySubscription resource type"). That is
 * no proof of an end: only Partner Center knows whether a subscription renews itself, of those that the partner sold.
 */
export default defineJob({
  name: 'subscription-ends',
  title: 'Ends of subscriptions',
  description: 'When each subscription ends or changes its state unless it is renewed, with licences, and trials.',
  topic: 'licences',
  resources: ['graph'],
  permissions: ['Organization.Read.All'],
  directoryRoles: ['Directory Readers', 'License Administrator', 'Global Reader', 'User Administrator'],
  timeoutSeconds: 120,
  columns: [
    { name: 'product', title: 'Product', type: 'text' },
    { name: 'status', title: 'Status', type: 'text' },
    { name: 'licences', title: 'Licences', type: 'number' },
    { name: 'trial', title: 'Trial', type: 'boolean' },
    { name: 'ends', title: 'Ends unless renewed', type: 'date' },
    { name: 'daysLeft', title: 'Days left', type: 'number', compare: false, history: false },
    { name: 'soldBy', title: 'Tenant of the seller', type: 'text' },
    { name: 'id', title: 'Subscription id', type: 'text' },
  ],
  key: ['id'],
  historyBy: 'status',
  async run({ graph, nowMs }) {
    const { productName } = await import('./product-names.ts');
    const rows: Row[] = [];
    for await (const each of graph.list('/directory/subscriptions', { shape: subscription })) {
      const endsMs = timeMs(each.nextLifecycleDateTime);
      rows.push({
        product: each.skuPartNumber == null ? null : productName(each.skuPartNumber),
        status: each.status ?? null,
        licences: each.totalLicenses ?? null,
        trial: each.isTrial ?? null,
        ends: each.nextLifecycleDateTime ?? null,
        daysLeft: endsMs === undefined ? null : Math.floor((endsMs - nowMs) / dayMs),
        soldBy: each.ownerTenantId ?? null,
        id: each.id,
      });
    }
    return rows;
  },
});
