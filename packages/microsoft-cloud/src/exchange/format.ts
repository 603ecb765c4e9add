import type { TenantFacts } from '../population/graph/facts.ts';

/** A size as Exchange writes it: `1.5 GB (1,610,612,736 bytes)`. */
export function sizeText(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  const at = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = (bytes / 1024 ** at).toPrecision(4);
  return `${Number(value)} ${units[at]} (${bytes.toLocaleString('en-US')} bytes)`;
}

/** ISO 8601 with seven decimals, as Exchange writes times. */
export const exchangeTime = (ms: number): string => new Date(ms).toISOString().replace(/Z$/, '0000Z');

/** The organizational unit of the tenant in Exchange. */
export const unitOf = ({ initialDomain }: TenantFacts): string =>
  `SIMPR01A001.PROD.OUTLOOK.COM/Microsoft Exchange Hosted Organizations/${initialDomain}`;

export const distinguishedNameOf = ({ initialDomain }: TenantFacts, name: string): string =>
  `CN=${name},OU=${initialDomain},OU=Microsoft Exchange Hosted Organizations,DC=SIMPR01A001,DC=PROD,DC=OUTLOOK,DC=COM`;

/** A value as text: lists and objects as JSON, nothing as an empty text. */
export function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** How Exchange names a recipient of its address list, in rules among others. */
export const legacyNameOf = (name: string): string =>
  `/o=ExchangeLabs/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=${name}`;
