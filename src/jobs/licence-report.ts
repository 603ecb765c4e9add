import * as z from 'zod';
import { defineJob } from '../lib/runs/job/job.ts';

const subscribedSku = z.object({
  skuId: z.string(),
  skuPartNumber: z.string(),
  capabilityStatus: z.string().optional(),
  consumedUnits: z.number(),
  prepaidUnits: z.object({ enabled: z.number(), suspended: z.number().optional(), warning: z.number().optional() }),
});

/** Reports the subscriptions of each tenant with bought, assigned and free licences. */
export default defineJob({
  name: 'licence-report',
  title: 'Licences per tenant',
  description: 'Which subscriptions each tenant has, and how many of their licences are assigned.',
  topic: 'licences',
  schedule: '0 0 5 * * *',
  resources: ['graph'],
  permissions: ['Organization.Read.All'],
  directoryRoles: ['Directory Readers', 'License Administrator', 'Global Reader', 'User Administrator'],
  timeoutSeconds: 120,
  columns: [
    { name: 'product', title: 'Product', type: 'text' },
    { name: 'skuPartNumber', title: 'Part number', type: 'text' },
    { name: 'skuId', title: 'SKU id', type: 'text' },
    { name: 'status', title: 'Status', type: 'text' },
    { name: 'licences', title: 'Licences', type: 'number' },
    { name: 'assigned', title: 'Assigned', type: 'number' },
    { name: 'free', title: 'Free', type: 'number' },
    { name: 'suspended', title: 'Suspended', type: 'number' },
    { name: 'warning', title: 'In grace period', type: 'number' },
    { name: 'assignedAtNoCost', title: 'Assigned at no cost', type: 'number' },
  ],
  key: ['skuId'],
  historyBy: 'product',
  async run({ graph }) {
    // A long table, which few jobs need.
    const { freeProducts, productName } = await import('./product-names.ts');
    const rows = [];
    // This collection has no $top: Graph returns all of it.
    for await (const sku of graph.list(
      '/subscribedSkus?$select=skuId,skuPartNumber,capabilityStatus,consumedUnits,prepaidUnits',
      { shape: subscribedSku },
    )) {
      const licences = sku.prepaidUnits.enabled + (sku.prepaidUnits.warning ?? 0);
      const isFree = freeProducts.test(sku.skuPartNumber);
      rows.push({
        product: productName(sku.skuPartNumber),
        skuPartNumber: sku.skuPartNumber,
        skuId: sku.skuId,
        status: sku.capabilityStatus ?? 'Unknown',
        // Microsoft states 10,000 or more of a product that costs nothing: in a sum, they would hide what was bought. What is
        // assigned of it is apart, so that the sum of free licences is what was bought less what is assigned.
        licences: isFree ? null : licences,
        assigned: isFree ? null : sku.consumedUnits,
        // Negative for an expired subscription, which has more assigned than bought licences.
        free: isFree ? null : licences - sku.consumedUnits,
        suspended: isFree ? null : (sku.prepaidUnits.suspended ?? 0),
        warning: isFree ? null : (sku.prepaidUnits.warning ?? 0),
        assignedAtNoCost: isFree ? sku.consumedUnits : null,
      });
    }
    return rows;
  },
});
