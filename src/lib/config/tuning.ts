/**
 * Constants that are not settings, because no operator has a reason to change them. The benchmarks and the fault campaign
 * use these values. End-to-end tests that need shorter waits replace this module when they build the app.
 */
export const tuning = {
  /** Maximum concurrent requests of jobs and of the tenant directory, per instance, over all tenants. */
  resourceConcurrency: 64,
  /** Maximum tenants that an instance visits at a time, over all runs. A run alone leaves one of them to others. */
  tenantConcurrency: 21,
  /** Maximum access tokens in memory. Each takes about 3 KB. */
  tokenCacheSize: 50_000,
  /** Age at which a credential in memory is read from Key Vault again, seconds. */
  credentialRereadSeconds: 600,
  runs: {
    /** Tenants per sub-orchestration. Also the most of a run that wait for instances at a time. */
    batchSize: 500,
    /** Tenants per activity. On Azure Storage, an activity costs about eight transactions, whatever it does. */
    groupSize: 25,
    /** A batch starts when an instance has taken the last activity of the one before. */
    inTurn: true,
    /** Maximum attempts per tenant if the failures are temporary, including the first. */
    rounds: 3,
    /** Wait before the second round, seconds. It doubles with each further round. */
    retryDelaySeconds: 60,
  },
} as const;
