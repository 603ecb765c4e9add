import type { ServiceName } from './web/http.ts';

/** One request as it was answered. Paths only: a query may hold a code or a token. */
export interface LedgerEntry {
  readonly service: ServiceName;
  readonly method: string;
  readonly path: string;
  readonly tenantId?: string;
  readonly grant?: string;
  readonly resource?: string;
  /** 0 when the connection was dropped without a reply. */
  readonly status: number;
  /** When the request came in, by the cloud's clock. */
  readonly atMs: number;
  readonly unmatched?: true;
}

export interface LedgerTotals {
  readonly entraTokenRequests: number;
  /** Reads and writes that were let in; the challenge that comes before them is neither. */
  readonly keyVaultReads: number;
  readonly keyVaultWrites: number;
  readonly graphRequests: number;
  readonly aadGraphRequests: number;
  readonly partnerCenterRequests: number;
  readonly managedIdentityRequests: number;
  readonly throttled: number;
  readonly unmatched: number;
  /** The highest number of Entra token requests that were in flight together. */
  readonly maxConcurrentEntra: number;
}

export interface LedgerContent {
  readonly requests: readonly LedgerEntry[];
  readonly totals: LedgerTotals;
}

export interface Ledger {
  record(entry: LedgerEntry): void;
  /** Call when a token request comes in; call what it returns when it is answered. */
  enterEntra(): () => void;
  read(): LedgerContent;
  reset(): void;
}

type Counts = { -readonly [Name in keyof LedgerTotals]: number };

const noCounts = (): Counts => ({
  entraTokenRequests: 0,
  keyVaultReads: 0,
  keyVaultWrites: 0,
  graphRequests: 0,
  aadGraphRequests: 0,
  partnerCenterRequests: 0,
  managedIdentityRequests: 0,
  throttled: 0,
  unmatched: 0,
  maxConcurrentEntra: 0,
});

const counterOf: Partial<Record<ServiceName, keyof Counts>> = {
  graph: 'graphRequests',
  aadGraph: 'aadGraphRequests',
  partnerCenter: 'partnerCenterRequests',
  managedIdentity: 'managedIdentityRequests',
};

/** @param keepEntries how many requests are kept, the latest; the totals count all. */
export function createLedger(keepEntries = 100_000): Ledger {
  let requests: LedgerEntry[] = [];
  let counts = noCounts();
  let inFlight = 0;
  return {
    record: (entry) => {
      requests.push(entry);
      // Dropped in halves: dropping one at a time would move the whole list for each request.
      if (requests.length > keepEntries) requests = requests.slice(Math.ceil(keepEntries / 2));
      count(counts, entry);
    },
    enterEntra: () => {
      inFlight += 1;
      counts.maxConcurrentEntra = Math.max(counts.maxConcurrentEntra, inFlight);
      return () => {
        inFlight -= 1;
      };
    },
    read: () => ({ requests: [...requests], totals: { ...counts } }),
    reset: () => {
      requests = [];
      counts = { ...noCounts(), maxConcurrentEntra: inFlight };
    },
  };
}

function count(counts: Counts, entry: LedgerEntry): void {
  if (entry.status === 429) counts.throttled += 1;
  if (entry.unmatched) counts.unmatched += 1;
  const counter = counterOf[entry.service];
  if (counter !== undefined) counts[counter] += 1;
  // Only a token request names its grant.
  if (entry.service === 'entra' && entry.grant !== undefined) counts.entraTokenRequests += 1;
  if (entry.service === 'keyVault' && entry.status !== 401) {
    if (entry.method === 'GET') counts.keyVaultReads += 1;
    else counts.keyVaultWrites += 1;
  }
}
