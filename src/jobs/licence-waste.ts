import * as z from 'zod';
import { defineJob } from '../lib/runs/job/job.ts';
import type { Row } from '../lib/runs/job/row.ts';

const text = z.string().nullish();
const subscribedSku = z.object({
  skuId: z.string(),
  skuPartNumber: z.string(),
  capabilityStatus: text,
  consumedUnits: z.number(),
  prepaidUnits: z.object({ enabled: z.number(), warning: z.number().nullish() }),
  servicePlans: z.array(z.object({ servicePlanId: z.string(), servicePlanName: text, appliesTo: text })).nullish(),
});
type Sku = z.output<typeof subscribedSku>;
const user = z.object({
  id: z.string(),
  userPrincipalName: text,
  accountEnabled: z.boolean().nullish(),
  assignedLicenses: z.array(z.object({ skuId: z.string(), disabledPlans: z.array(z.string()).nullish() })).nullish(),
  licenseAssignmentStates: z
    .array(z.object({ skuId: z.string(), state: text, error: text, assignedByGroup: text }))
    .nullish(),
});
type Licence = NonNullable<z.output<typeof user>['assignedLicenses']>[number];

/** A product of which a tenant has as many licences mostly costs nothing. From memory. */
const manyLicences = 10_000;

/** A plan that many products contain beside what they are bought for. */
const foundation = 'EXCHANGE_S_FOUNDATION';

/** The plans that a licence gives to a user. */
const plansOf = (sku: Sku | undefined, { disabledPlans }: Licence): ReadonlySet<string> =>
  new Set(
    (sku?.servicePlans ?? [])
      .filter(({ appliesTo, servicePlanName }) => appliesTo !== 'Company' && servicePlanName !== foundation)
      .map(({ servicePlanId }) => servicePlanId)
      .filter((id) => disabledPlans?.includes(id) !== true),
  );

/**
 * Reports paid licences that nobody uses: not assigned, of disabled users, and of users who have the same service plan by
 * another product. A disabled shared mailbox above 50 GB needs its licence. The same product by a group and directly costs
 * one licence, and Graph lists it once.
 */
export default defineJob({
  name: 'licence-waste',
  title: 'Wasted licences',
  description:
    'Licences that are not assigned, belong to disabled users, overlap with another product of the user, or could not be assigned.',
  topic: 'licences',
  resources: ['graph'],
  permissions: ['Organization.Read.All', 'User.Read.All'],
  directoryRoles: ['Directory Readers', 'License Administrator', 'Global Reader', 'User Administrator'],
  timeoutSeconds: 600,
  columns: [
    { name: 'kind', title: 'Kind', type: 'text' },
    { name: 'product', title: 'Product', type: 'text' },
    { name: 'user', title: 'User', type: 'text' },
    { name: 'count', title: 'Licences', type: 'number' },
    { name: 'with', title: 'Overlaps with', type: 'text' },
    { name: 'redundant', title: 'Adds nothing', type: 'boolean' },
    { name: 'detail', title: 'Detail', type: 'text' },
    { name: 'skuId', title: 'SKU id', type: 'text' },
    { name: 'userId', title: 'User id', type: 'text' },
    { name: 'withSkuId', title: 'Other SKU id', type: 'text' },
  ],
  key: ['kind', 'skuId', 'userId', 'withSkuId'],
  historyBy: 'kind',
  async run({ graph }) {
    // A long table, which few jobs need.
    const { freeProducts, productName } = await import('./product-names.ts');
    const skus = new Map<string, Sku>();
    const rows: Row[] = [];
    for await (const sku of graph.list(
      '/subscribedSkus?$select=skuId,skuPartNumber,capabilityStatus,consumedUnits,prepaidUnits,servicePlans',
      { shape: subscribedSku },
    )) {
      if (freeProducts.test(sku.skuPartNumber)) continue;
      if (sku.prepaidUnits.enabled >= manyLicences) {
        const detail = '10,000 licences or more: taken for free, so waste was not looked for';
        rows.push({ kind: 'left out', product: productName(sku.skuPartNumber), detail, skuId: sku.skuId });
        continue;
      }
      skus.set(sku.skuId, sku);
      const free = sku.prepaidUnits.enabled + (sku.prepaidUnits.warning ?? 0) - sku.consumedUnits;
      const isUsable = sku.capabilityStatus === 'Enabled' || sku.capabilityStatus === 'Warning';
      if (isUsable && free > 0)
        rows.push({ kind: 'unused', product: productName(sku.skuPartNumber), count: free, skuId: sku.skuId });
    }
    const licensed = graph.list(
      '/users?$filter=assignedLicenses/$count ne 0&$count=true&$select=id,userPrincipalName,accountEnabled,assignedLicenses,licenseAssignmentStates&$top=999',
      { shape: user, headers: { consistencylevel: 'eventual' } },
    );
    for await (const { id, userPrincipalName, accountEnabled, assignedLicenses, licenseAssignmentStates } of licensed) {
      const about = (kind: string, skuId: string, more: Row = {}): Row => ({
        kind,
        product: productName(skus.get(skuId)?.skuPartNumber ?? skuId),
        user: userPrincipalName ?? null,
        count: 1,
        ...more,
        skuId,
        userId: id,
      });
      const paid = (assignedLicenses ?? []).filter(({ skuId }) => skus.has(skuId));
      if (accountEnabled === false) for (const { skuId } of paid) rows.push(about('disabled user', skuId));
      else
        for (const overlap of overlapsOf(paid, skus, productName))
          rows.push(about('overlap', overlap.skuId, overlap.row));
      const failed = new Map<string, string>();
      for (const { skuId, state, error, assignedByGroup } of licenseAssignmentStates ?? [])
        if (state === 'Error' || state === 'ActiveWithError')
          failed.set(skuId, `${error ?? 'unknown'}${assignedByGroup == null ? '' : ', assigned by a group'}`);
      for (const [skuId, detail] of failed) rows.push(about('error', skuId, { count: 0, detail }));
    }
    return rows;
  },
});

/** Each pair of a user's licences that share a plan, as a row about the one with fewer plans. */
function overlapsOf(
  licences: readonly Licence[],
  skus: ReadonlyMap<string, Sku>,
  productName: (partNumber: string) => string,
): readonly { readonly skuId: string; readonly row: Row }[] {
  const sorted = licences
    .map((licence) => ({ skuId: licence.skuId, plans: plansOf(skus.get(licence.skuId), licence) }))
    .toSorted((a, b) => a.plans.size - b.plans.size || a.skuId.localeCompare(b.skuId));
  return sorted.flatMap(({ skuId, plans }, at) =>
    sorted.slice(at + 1).flatMap((other) => {
      const shared = [...plans].filter((plan) => other.plans.has(plan)).length;
      if (shared === 0) return [];
      const name = productName(skus.get(other.skuId)?.skuPartNumber ?? other.skuId);
      return [{ skuId, row: { with: name, redundant: shared === plans.size, withSkuId: other.skuId } }];
    }),
  );
}
