import type { ServiceName } from './web/http.ts';

/** A request and its status. The path has no query, which may hold a code or a token. */
export interface LedgerEntry {
  readonly service: ServiceName;
  readonly method: string;
  readonly path: string;
  readonly tenantId?: string;
  /** The caller, as the token of the request or the issued token says: user principal name. */
  readonly account?: string;
  /** Client id of the application that sent the request. */
  readonly application?: string;
  readonly grant?: string;
  readonly resource?: string;
  /**
   * For Microsoft Graph: method, path and query of the request, or of each part of a batch, percent-encoded, as
   * `GET /v1.0/users?%24top=5`. Without `$skiptoken` and `$deltatoken`.
   */
  readonly reads?: readonly string[];
  /** 0 when the connection was dropped without a reply. */
  readonly status: number;
  /** When the request came in, by the cloud's clock. */
  readonly atMs: number;
  /** Set for a request that the real service does not know either. */
  readonly unmatched?: true;
}

export interface LedgerTotals {
  readonly entraTokenRequests: number;
  /** Key Vault counts exclude requests that were answered with the 401 challenge. */
  readonly keyVaultReads: number;
  readonly keyVaultWrites: number;
  readonly graphRequests: number;
  readonly aadGraphRequests: number;
  readonly partnerCenterRequests: number;
  readonly managedIdentityRequests: number;
  readonly throttled: number;
  readonly unmatched: number;
  /** The highest number of concurrent Entra token requests. */
  readonly maxConcurrentEntra: number;
}

export interface LedgerContent {
  readonly requests: readonly LedgerEntry[];
  readonly totals: LedgerTotals;
}

export interface Ledger {
  record(entry: LedgerEntry): void;
  /** Counts a token request as in flight until the returned function is called. */
  enterEntra(): () => void;
  read(): LedgerContent;
  totals(): LedgerTotals;
  /** Number of requests since the start or the last reset. */
  count(): number;
  /** The latest requests, oldest first. @param limit How many at most, from 1. */
  latest(limit: number): readonly LedgerEntry[];
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

/** @param keepEntries how many of the latest requests are kept. The totals count all requests. */
export function createLedger(keepEntries = 100_000): Ledger {
  let requests: LedgerEntry[] = [];
  let counts = noCounts();
  let inFlight = 0;
  let total = 0;
  return {
    record: (entry) => {
      requests.push(entry);
      total += 1;
      // Drops half of the list at once: dropping single entries would copy the list for each request.
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
    totals: () => ({ ...counts }),
    count: () => total,
    latest: (limit) => requests.slice(-limit),
    read: () => ({ requests: [...requests], totals: { ...counts } }),
    reset: () => {
      total = 0;
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
