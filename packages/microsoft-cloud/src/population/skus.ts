/** A subscription product. Source: "Product names and service plan identifiers for licensing". */
export interface Sku {
  readonly skuId: string;
  readonly skuPartNumber: string;
  readonly servicePlans: readonly {
    readonly servicePlanId: string;
    readonly servicePlanName: string;
    readonly appliesTo: string;
  }[];
}

const plan = (servicePlanId: string, servicePlanName: string, appliesTo = 'User') => ({
  servicePlanId,
  servicePlanName,
  appliesTo,
});

const exchangeStandard = plan('9aaf7827-d63c-4b61-89c3-182f06f82e5c', 'EXCHANGE_S_STANDARD');
const exchangeEnterprise = plan('efb87545-963c-4e0d-99df-69c6916d9eb0', 'EXCHANGE_S_ENTERPRISE');
const teams = plan('57ff2da0-773e-42df-b2af-ffb7a2317929', 'TEAMS1');
const sharePoint = plan('c7699d2e-19aa-44de-8edf-1736da088ca1', 'SHAREPOINTSTANDARD');
const entraP1 = plan('41781fb2-bc02-4b7c-bd55-b576c07bb09d', 'AAD_PREMIUM');
const entraP2 = plan('eec0eb4f-6444-4f95-aba0-50c24d67f998', 'AAD_PREMIUM_P2');
const intune = plan('c1ec4a95-1f05-45b3-a911-aa3fa01094f5', 'INTUNE_A');

export const skus: readonly Sku[] = [
  {
    skuId: '3b555118-da6a-4418-894f-7df1e2096870',
    skuPartNumber: 'O365_BUSINESS_ESSENTIALS',
    servicePlans: [exchangeStandard, teams, sharePoint],
  },
  {
    skuId: 'f245ecc8-75af-4f8e-b61f-27d8114de5f3',
    skuPartNumber: 'O365_BUSINESS_PREMIUM',
    servicePlans: [exchangeStandard, teams, sharePoint],
  },
  {
    skuId: 'cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46',
    skuPartNumber: 'SPB',
    servicePlans: [exchangeStandard, teams, sharePoint, entraP1, intune],
  },
  {
    skuId: '05e9a617-0261-4cee-bb44-138d3ef5d965',
    skuPartNumber: 'SPE_E3',
    servicePlans: [exchangeEnterprise, teams, sharePoint, entraP1, intune],
  },
  {
    skuId: '06ebc4ee-1bb5-47dd-8120-11324bc54e06',
    skuPartNumber: 'SPE_E5',
    servicePlans: [exchangeEnterprise, teams, sharePoint, entraP2, intune],
  },
  {
    skuId: '4b9405b0-7788-4568-add1-99614e613b69',
    skuPartNumber: 'EXCHANGESTANDARD',
    servicePlans: [exchangeStandard],
  },
  {
    skuId: '19ec0d23-8335-4cbd-94ac-6050e30712fa',
    skuPartNumber: 'EXCHANGEENTERPRISE',
    servicePlans: [exchangeEnterprise],
  },
  { skuId: '84a661c4-e949-4bd2-a560-ed7766fcaf2b', skuPartNumber: 'AAD_PREMIUM_P2', servicePlans: [entraP2] },
  {
    skuId: 'f30db892-07e9-47e9-837c-80727f46fd3d',
    skuPartNumber: 'FLOW_FREE',
    servicePlans: [plan('50e68c76-46c6-4674-81f9-75456511b170', 'FLOW_P2_VIRAL')],
  },
  {
    skuId: 'a403ebcc-fae0-4ca2-8c8c-7a907fd6c235',
    skuPartNumber: 'POWER_BI_STANDARD',
    servicePlans: [plan('2049e525-b859-401b-b2a0-e0a31c4b1fe4', 'BI_AZURE_P0')],
  },
];

/** Each tenant has one of these as its main subscription; all others are extras. */
export const mainSkuPartNumbers: readonly string[] = [
  'O365_BUSINESS_ESSENTIALS',
  'O365_BUSINESS_PREMIUM',
  'SPB',
  'SPE_E3',
  'SPE_E5',
];
