/**
 * The closed set of failures that leave this program, and what each means to the reader.
 * HTTP, the command line, run records and the dashboard all read the same table, so that one
 * failure has one text everywhere (a remedy that is an option of `ptb` is in src/cli/command-failure.ts). What is known beyond it (AADSTS number, trace id, cause)
 * stays in the log: rich inside, poor outside.
 */

/** Whose fault it is, and so how far it reaches. */
export type ErrorScope = 'caller' | 'tenant' | 'credential' | 'platform';

/** `never`: a person must act first. `later`: the same request may work after a while. */
type Retry = 'never' | 'later';

interface ErrorEntry {
  readonly status: number;
  readonly scope: ErrorScope;
  readonly retry: Retry;
  readonly title: string;
  readonly advice: string;
}

const entry = (status: number, scope: ErrorScope, retry: Retry, title: string, advice: string): ErrorEntry => ({
  status,
  scope,
  retry,
  title,
  advice,
});

/** `code → status, scope, retry, title, advice`. Add a row here and every surface knows it. */
export const errorTable = {
  config_invalid: entry(
    503,
    'platform',
    'never',
    'A setting is missing or wrong',
    'Correct the named setting in the app settings, then restart; `ptb doctor` checks them all.',
  ),
  caller_unauthenticated: entry(
    401,
    'caller',
    'never',
    'The caller is not authenticated',
    'Send an Entra access token for the broker application in the Authorization header.',
  ),
  caller_forbidden: entry(
    403,
    'caller',
    'never',
    'The caller is not allowed to do this',
    'Ask the operator for a rule in the access policy or for the app role; `ptb policy test` explains the decision.',
  ),
  caller_throttled: entry(
    429,
    'caller',
    'later',
    'The caller sends too many requests',
    'Wait as Retry-After says, and keep a token for its life instead of asking for it again.',
  ),
  request_invalid: entry(
    400,
    'caller',
    'never',
    'The request is not valid',
    'Correct the request as the detail says; the API is described at /api/docs.',
  ),
  request_too_large: entry(
    413,
    'caller',
    'never',
    'The request body is too large',
    'Send at most 64 KiB, or 512 KiB to start a run.',
  ),
  not_found: entry(
    404,
    'caller',
    'never',
    'There is nothing at this address',
    'Check the address; the API is described at /api/docs.',
  ),
  tenant_unknown: entry(
    404,
    'tenant',
    'never',
    'The tenant does not exist',
    'Check the tenant id or domain, and that it lives in the same Microsoft cloud.',
  ),
  tenant_not_delegated: entry(
    403,
    'tenant',
    'never',
    'The tenant has not delegated administration to the partner',
    'Check that a GDAP relationship is active, that its role is assigned to a security group and that the service account is a member; `ptb tenants` shows the reason per tenant.',
  ),
  tenant_excluded: entry(
    403,
    'tenant',
    'never',
    'The tenant is excluded by configuration',
    'Remove the tenant from TENANTS_EXCLUDE, or add it to TENANTS_INCLUDE, if it is to be served.',
  ),
  resource_not_allowed: entry(
    400,
    'caller',
    'never',
    'The resource is not configured',
    'Use one of the configured resource aliases, or have the operator add it to RESOURCES.',
  ),
  scope_not_allowed: entry(
    403,
    'caller',
    'never',
    'The token would carry more than the policy allows',
    'Let the rule name an application with fewer permissions, or widen the rule on purpose.',
  ),
  credential_missing: entry(
    503,
    'credential',
    'never',
    'There is no credential in Key Vault',
    'Run `ptb setup` and then `ptb consent`.',
  ),
  credential_expired: entry(
    503,
    'credential',
    'never',
    'The refresh token has expired',
    'Run `ptb consent` and sign in with MFA as the service account; then find out why the rotation timer stopped.',
  ),
  credential_revoked: entry(
    503,
    'credential',
    'never',
    'The refresh token was revoked or its account is blocked',
    'If nobody here did it, treat it as an incident. Then run `ptb consent` and sign in with MFA as the service account.',
  ),
  client_credential_rejected: entry(
    503,
    'credential',
    'never',
    'Entra refuses the client credential',
    'Run `ptb rotate --client-credential`; where that is refused too `ptb setup`, or `ptb setup --credential federated` to do without a secret.',
  ),
  sign_in_refused: entry(
    401,
    'caller',
    'never',
    'The sign-in was not completed or is not good enough',
    'Run the command again and sign in with MFA, in a plain browser, as the account that the detail names.',
  ),
  operator_forbidden: entry(
    403,
    'caller',
    'never',
    'The signed-in account may not do this',
    'Sign in as a Global Administrator of the partner tenant, or as Privileged Role Administrator and Cloud Application Administrator in one.',
  ),
  setup_refused: entry(
    400,
    'caller',
    'never',
    'Microsoft Graph refuses a step of the setup',
    'Change what the detail names, often a policy of the partner tenant for applications, then run `ptb setup` again.',
  ),
  consent_required: entry(
    403,
    'tenant',
    'never',
    'The application has no consent in this tenant',
    'Run `ptb tenants consent --tenant <id>`, wait about three minutes, then try again.',
  ),
  interaction_required: entry(
    403,
    'tenant',
    'never',
    'The tenant asks for a sign-in that only a person can do',
    'If other tenants work, exclude service provider users from the policy in this tenant; if none works, run `ptb consent`.',
  ),
  blocked_by_policy: entry(
    403,
    'tenant',
    'never',
    'A policy of the tenant blocks the partner',
    'Ask the customer to exclude service provider users of the partner tenant from the Conditional Access or cross-tenant policy.',
  ),
  resource_unavailable: entry(
    403,
    'tenant',
    'never',
    'The tenant does not have this service',
    'Check that the tenant has a licence for the service and that its service principal exists.',
  ),
  access_denied: entry(
    403,
    'tenant',
    'never',
    'The resource refuses the partner in this tenant',
    "Check the roles of the GDAP relationship, its access assignment and the application's permissions.",
  ),
  throttled: entry(
    503,
    'platform',
    'later',
    'Microsoft throttles the requests',
    'Wait as Retry-After says; fewer or later runs lower the load.',
  ),
  busy: entry(
    429,
    'platform',
    'later',
    'The broker has more requests to Entra in hand than it can send',
    'Wait as Retry-After says; ENTRA_CONCURRENCY or more instances raise the limit.',
  ),
  entra_unavailable: entry(
    503,
    'platform',
    'later',
    'Entra does not answer as it should',
    'Try again later; if it lasts, look at the Azure status page and give Microsoft the trace id from the log.',
  ),
  entra_request_rejected: entry(
    502,
    'platform',
    'never',
    'Entra rejects the request as malformed',
    'Check the resource and scopes in RESOURCES; the AADSTS number is in the log under the correlation id.',
  ),
  resource_error: entry(
    502,
    'platform',
    'later',
    'The resource does not answer as it should',
    'Try again later; the log has the answer under the correlation id.',
  ),
  key_vault_unavailable: entry(
    503,
    'platform',
    'later',
    'Key Vault does not answer',
    'Check the vault, its network rules and that the managed identity has the role Partner Token Broker Secret Keeper (or Key Vault Secrets Officer); `ptb doctor` tells which.',
  ),
  directory_unavailable: entry(
    503,
    'platform',
    'later',
    'The list of delegated tenants cannot be read',
    'Check that the service account is a member of AdminAgents and that the application may read delegated relationships.',
  ),
  storage_unavailable: entry(
    503,
    'platform',
    'later',
    'The storage account does not answer',
    "Check the storage account, its network rules and the managed identity's data roles.",
  ),
  audit_unavailable: entry(
    503,
    'platform',
    'later',
    'The audit log cannot be written, so no token is handed out',
    "Check the storage account and the managed identity's role Storage Table Data Contributor.",
  ),
  run_conflict: entry(
    409,
    'caller',
    'never',
    'This run exists already',
    'Look at the run that the detail names, or wait for it to end.',
  ),
  run_not_found: entry(404, 'caller', 'never', 'There is no such run', '`ptb runs` or GET /api/runs lists the runs.'),
  run_cancelled: entry(
    409,
    'caller',
    'never',
    'The run was cancelled before this tenant',
    'Start the job again when it suits.',
  ),
  not_attempted: entry(
    503,
    'credential',
    'later',
    'The run stopped before this tenant',
    'Repair what stopped the run, then run the job again for the tenants that are left.',
  ),
  job_unknown: entry(404, 'caller', 'never', 'There is no such job', '`ptb jobs` or GET /api/jobs lists the jobs.'),
  job_failed: entry(
    500,
    'tenant',
    'never',
    'The job failed in this tenant',
    'Read the log of the run for this tenant; the job itself must be corrected.',
  ),
  job_timed_out: entry(
    504,
    'tenant',
    'later',
    'The job took too long in this tenant',
    'Raise timeoutSeconds in the job, or let it do less per tenant.',
  ),
  internal: entry(
    500,
    'platform',
    'later',
    'Something unexpected happened',
    'Look in the log under the correlation id, and report it with that id.',
  ),
} as const satisfies Record<string, ErrorEntry>;

/** One of the failures of {@link errorTable}. Callers switch on it, never on text. */
export type ErrorCode = keyof typeof errorTable;

/** All codes, in the order of the table. */
export const errorCodes = Object.keys(errorTable) as readonly ErrorCode[];

/** Whether `value` is one of the closed set. */
export const isErrorCode = (value: unknown): value is ErrorCode =>
  typeof value === 'string' && Object.hasOwn(errorTable, value);

/** Facts for the log only: they never reach a caller. No secrets here either. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface BrokerErrorOptions {
  readonly cause?: unknown;
  /** Seconds after which a repetition makes sense, at least 1. */
  readonly retryAfterSeconds?: number | undefined;
  /** Overrides the scope of the table where the circumstances prove another one (see the canary). */
  readonly scope?: ErrorScope | undefined;
  readonly logFields?: LogFields | undefined;
}

/** The only error that this program throws on purpose. `detail` is one sentence that a caller may read. */
export class BrokerError extends Error {
  override readonly name = 'BrokerError';
  readonly code: ErrorCode;
  readonly detail: string;
  readonly scope: ErrorScope;
  readonly retryAfterSeconds: number | undefined;
  readonly logFields: LogFields;

  constructor(code: ErrorCode, detail: string, options: BrokerErrorOptions = {}) {
    super(`${code}: ${detail}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.detail = detail;
    this.scope = options.scope ?? errorTable[code].scope;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.logFields = options.logFields ?? {};
  }

  /** Whether the same request may succeed later without anybody acting. */
  get transient(): boolean {
    return errorTable[this.code].retry === 'later';
  }
}

/** Any thrown value as a {@link BrokerError}; what is not one becomes `internal`, with the cause kept for the log. */
export function toBrokerError(thrown: unknown): BrokerError {
  if (thrown instanceof BrokerError) return thrown;
  return new BrokerError('internal', 'An unexpected error occurred.', { cause: thrown });
}
