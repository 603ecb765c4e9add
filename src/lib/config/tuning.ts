/**
 * Values that are not settings, because no operator has a reason to choose another: benchmarks and the fault campaign
 * were run with them. End-to-end tests that must not wait replace this module when they build the app.
 */
export const tuning = {
  /** Requests of jobs and of the tenant directory that are in flight at one time, per instance, over all tenants. */
  resourceConcurrency: 64,
  /** Access tokens kept in memory. One takes about 3 KB. */
  tokenCacheSize: 50_000,
  /** Age at which a credential in memory is read from Key Vault again, seconds. */
  credentialRereadSeconds: 600,
  runs: {
    /** Tenants per sub-orchestration. */
    batchSize: 100,
    /** Attempts at a tenant whose failure is temporary, the first included. */
    rounds: 3,
    /** Wait before the second round, seconds. It doubles with each further round. */
    retryDelaySeconds: 60,
  },
} as const;
