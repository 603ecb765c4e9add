import { isoTime } from '../clock.ts';
import { json, type Reply } from '../web/http.ts';
import type { World } from '../world.ts';
import type { PartnerCenterContext } from './context.ts';
import { PartnerCenterError } from './partner-center-error.ts';
import { pageOf, resource, type Resource } from './resources.ts';
import { soldProducts } from './subscriptions.ts';

const months = 6;
/** Per licence and month, in pence, so that sums are exact. */
const unitPricePence = 940;

interface Invoice {
  readonly id: string;
  readonly startMs: number;
  /** The first moment after the billing period. */
  readonly endMs: number;
}

/** One invoice for each of the last six calendar months (UTC), newest first. */
function invoicesOf(world: World): readonly Invoice[] {
  const now = new Date(world.clock.nowMs());
  return Array.from({ length: months }, (_, index) => {
    const startMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - index - 1, 1);
    const endMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - index, 1);
    return { id: `G${isoTime(startMs).slice(0, 7).replace('-', '')}0001`, startMs, endMs };
  });
}

function findInvoice({ world, parameters }: PartnerCenterContext): Invoice {
  const found = invoicesOf(world).find(({ id }) => id === parameters['id']?.toUpperCase());
  if (found === undefined) throw new PartnerCenterError(404, 2000, 'The invoice was not found.');
  return found;
}

/** Every invoice has the licences that the partner's customers have now. */
function lineItems(world: World, invoice: Invoice): readonly Resource[] {
  const sold = world.customers.filter(({ sources, state }) => sources.contract && state !== 'deleted');
  return sold.flatMap((customer) =>
    soldProducts(world, customer).map(({ sku, enabled, warning }) => {
      const quantity = enabled + warning;
      return {
        partnerId: world.partner.tenantId,
        customerId: customer.tenantId,
        customerName: customer.name,
        customerDomainName: customer.defaultDomain,
        invoiceNumber: invoice.id,
        subscriptionId: world.seeded.guid('subscription', customer.tenantId, sku.skuId),
        productName: sku.skuPartNumber,
        quantity,
        unitPrice: unitPricePence / 100,
        subtotal: (quantity * unitPricePence) / 100,
        totalForCustomer: (quantity * unitPricePence) / 100,
        currency: 'GBP',
        chargeStartDate: isoTime(invoice.startMs),
        chargeEndDate: isoTime(invoice.endMs),
        attributes: { objectType: 'OneTimeInvoiceLineItem' },
      };
    }),
  );
}

const totals = new WeakMap<World, number>();

/** In pence. Kept, because it takes the users of every customer. */
function totalOf(world: World): number {
  const known = totals.get(world);
  if (known !== undefined) return known;
  const [invoice] = invoicesOf(world);
  const items = invoice === undefined ? [] : lineItems(world, invoice);
  const total = items.reduce((sum, { quantity }) => sum + Number(quantity) * unitPricePence, 0);
  totals.set(world, total);
  return total;
}

const invoiceJson =
  (world: World) =>
  (invoice: Invoice): Resource => ({
    ...resource('Invoice', `/invoices/${invoice.id}`, {
      id: invoice.id,
      invoiceDate: isoTime(invoice.endMs),
      billingPeriodStartDate: isoTime(invoice.startMs),
      billingPeriodEndDate: isoTime(invoice.endMs),
      totalCharges: totalOf(world) / 100,
      paidAmount: 0,
      currencyCode: 'GBP',
      currencySymbol: '£',
      documentType: 'invoice',
      invoiceType: 'OneTime',
      state: 'unpaid',
      invoiceDetails: [
        resource('InvoiceDetail', `/invoices/${invoice.id}/lineitems/OneTime/BillingLineItems`, {
          invoiceLineItemType: 'billing_line_items',
          billingProvider: 'one_time',
        }),
      ],
    }),
  });

/** One currency: nothing was paid, so everything is owed ("Invoice resources", InvoiceSummary). */
function summaryJson(world: World): Resource {
  const invoices = invoicesOf(world);
  const latest = invoices[0]?.endMs ?? 0;
  return resource('InvoiceSummary', '/invoices/summary', {
    balanceAmount: (invoices.length * totalOf(world)) / 100,
    currencyCode: 'GBP',
    currencySymbol: '£',
    accountingDate: isoTime(latest),
    firstInvoiceCreationDate: isoTime(invoices.at(-1)?.endMs ?? latest),
    lastPaymentDate: null,
    lastPaymentAmount: 0,
    latestInvoiceDate: isoTime(latest),
  });
}

/** `GET /v1/invoices/summary`: "Get the current account balance". */
export const showSummary = ({ world }: PartnerCenterContext): Reply => json(200, summaryJson(world));

/** `GET /v1/invoices/summaries`: one for each currency ("Get invoice summaries"). */
export const listSummaries = ({ world, request }: PartnerCenterContext): Reply =>
  pageOf(request, [world], summaryJson, { maxSize: 500 });

/** `GET /v1/invoices`, with pages as in "Get a collection of invoices". */
export const listInvoices = ({ world, request }: PartnerCenterContext): Reply =>
  pageOf(request, invoicesOf(world), invoiceJson(world), { maxSize: 500, byOffset: true });

/** `GET /v1/invoices/{id}`. */
export const showInvoice = (context: PartnerCenterContext): Reply =>
  json(200, invoiceJson(context.world)(findInvoice(context)));

/** `GET /v1/invoices/{id}/lineitems/OneTime/BillingLineItems`. */
export const listLineItems = (context: PartnerCenterContext): Reply =>
  pageOf(context.request, lineItems(context.world, findInvoice(context)), (item) => item, { maxSize: 2000 });
