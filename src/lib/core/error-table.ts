/**
 * The two closed sets of error codes. `errorTable` has the codes of HTTP answers, run records and health reports.
 * `setupErrorTable` has the codes that only `ptb` commands with an operator sign-in can return.
 */

/** What the error affects. */
export type ErrorScope = 'caller' | 'tenant' | 'credential' | 'platform';

/** `never`: a person must act first. `later`: the same request may succeed after a while. */
type Retry = 'never' | 'later';

/** Formats a `ptb` command so that it addresses the application that the advice is about. */
type FormatCommand = (words: string) => string;

/** Advice for a person who runs the broker: it may name settings, roles and `ptb` commands. */
export type OperatorAdvice = string | ((ptb: FormatCommand) => string);

/** What to do, by reader. See `adviceFor`. */
interface Advice {
  /** For a program that called the API: what to change in the request, or what to ask of the operator. */
  readonly caller: string;
  readonly operator: OperatorAdvice;
}

/** What a caller lacks that is not allowed to do something: it decides who does what about `caller_forbidden`. */
export const lackTable = {
  role: {
    caller: 'Ask the operator for the missing app role.',
    operator:
      'Use an account that has the app role, or assign it with `ptb setup api --principal OBJECT_ID --role ROLE`.',
  },
  rule: {
    caller: 'Ask the operator for a rule in the access policy that allows the request.',
    operator: 'Add a rule to the access policy. `ptb policy test` explains the decision.',
  },
  request: {
    caller: 'Ask the operator to change the rule, if it is meant to allow the request.',
    operator:
      '`ptb permissions show METHOD PATH` lists the permissions that open a request, and `ptb policy test --request` says what each rule makes of it.',
  },
} as const;
export type Lack = keyof typeof lackTable;

export const isLack = (value: unknown): value is Lack => typeof value === 'string' && Object.hasOwn(lackTable, value);

/** What to do if no delegated relationship is active. The same words wherever that is found. */
export const requestRelationship = 'Request a GDAP relationship in Partner Center and have the customer approve it.';

interface ErrorEntry {
  readonly status: number;
  readonly scope: ErrorScope;
  readonly retry: Retry;
  readonly title: string;
  readonly advice: Advice;
}

interface SetupErrorEntry {
  readonly title: string;
  readonly advice: OperatorAdvice;
}

/** @param advice `everyone`: callers and operators do the same. */
const entry =
  (retry: Retry) =>
  (status: number, scope: ErrorScope, title: string, advice: Advice | { readonly everyone: string }): ErrorEntry => ({
    status,
    scope,
    retry,
    title,
    advice: 'everyone' in advice ? { caller: advice.everyone, operator: advice.everyone } : advice,
  });
const lasting = entry('never');
const passing = entry('later');

const waitForCredential = 'Tell the operator of the broker. No request succeeds until the credential is replaced.';
const tellIfItLasts = 'Repeat the request later. If it keeps failing, give the operator the correlation id.';

export const errorTable = {
  config_invalid: lasting(503, 'platform', 'A setting is missing or wrong', {
    caller: 'Tell the operator of the broker. No request succeeds until the setting is corrected.',
    operator: (ptb) =>
      `Correct the named setting in the app settings, then restart the app. ${ptb('doctor')} checks all settings.`,
  }),
  caller_unauthenticated: lasting(401, 'caller', 'The caller is not authenticated', {
    caller: "Send an Entra access token for the broker's own application in the Authorization header.",
    operator: "Use a valid Entra access token for the broker's own application.",
  }),
  caller_forbidden: lasting(403, 'caller', 'The caller is not allowed to do this', {
    caller: 'Ask the operator for a rule in the access policy that allows the request, or for the missing app role.',
    operator:
      'Add a rule to the access policy, or assign the app role to the caller. `ptb policy test` explains the decision.',
  }),
  decision_refused: lasting(403, 'caller', 'This caller cannot make this decision', {
    caller: 'A person must decide who did not send the request and has the app roles that its rule asks for.',
    operator:
      'A person must decide who did not send the request and has the app roles that its rule asks for: in the dashboard, or with `ptb approvals` after `ptb login`.',
  }),
  target_protected: lasting(403, 'caller', 'The rule protects the target of the request', {
    caller: 'Ask the operator who may change administrators and other protected users of this tenant.',
    operator: 'Let the customer make the change, or a caller whose rule protects nobody.',
  }),
  caller_throttled: passing(429, 'caller', 'The caller sends too many requests', {
    caller: 'Wait as long as Retry-After says. Reuse a token until it expires instead of requesting a new one.',
    operator:
      'Wait a minute, then try again. A program reuses a token until it expires instead of requesting a new one.',
  }),
  approval_ended: lasting(403, 'caller', 'The approval of this request has ended', {
    caller:
      'To ask for a new approval, send the request again with askAgain: true in the body, or the header x-ask-again: true through the gateway.',
    operator: '`ptb request --ask-again` asks for a new approval.',
  }),
  approval_conflict: lasting(409, 'caller', 'This decision is not possible any more', {
    caller:
      'Read the approval (GET /api/approvals/{id}): it shows its status and the decisions that you may still make.',
    operator: '`ptb approvals show` shows the status, and the decisions that you may still make.',
  }),
  approval_not_found: lasting(404, 'caller', 'There is no such approval', {
    caller: 'GET /api/approvals lists the approvals.',
    operator: '`ptb approvals` lists the approvals.',
  }),
  too_many_approvals: passing(429, 'caller', 'This caller has asked for too many approvals', {
    caller:
      'Wait until some requests are decided or expire, or as long as Retry-After says, then send the request again.',
    operator: 'Wait until some requests are decided or expire, then try again.',
  }),
  reason_required: lasting(403, 'caller', 'The rule is for emergencies and needs a reason', {
    caller:
      'In an emergency, send the request again with breakGlass: true and a reason of 10 to 500 characters, 5 of them letters or digits: in the body, or in the headers x-break-glass and x-reason through the gateway. Every use is announced. Otherwise ask the operator for another rule.',
    operator:
      'In an emergency, use `ptb request` with --break-glass and --reason. Every use is announced. Otherwise add another rule to the access policy.',
  }),
  policy_missing: lasting(503, 'platform', 'No access policy is in force, so no token is issued', {
    caller: 'Tell the operator of the broker. No request succeeds until there is a valid access policy.',
    operator:
      'Provide a valid access policy where ACCESS_POLICY points, then start the job again. `ptb policy check` finds mistakes in it.',
  }),
  request_invalid: lasting(400, 'caller', 'The request is not valid', {
    caller: 'Correct the request as the detail says. The API is described at /api/docs.',
    operator: 'Correct what is wrong, then try again.',
  }),
  request_too_large: lasting(413, 'caller', 'The request body is too large', {
    everyone: 'Send at most 64 KiB, 512 KiB to start a run, or 4 MiB through the gateway.',
  }),
  not_found: lasting(404, 'caller', 'There is nothing at this address', {
    caller: 'Check the address. The API is described at /api/docs.',
    operator: 'Check the address, and that this program and the broker have the same version.',
  }),
  tenant_unknown: lasting(404, 'tenant', 'The tenant does not exist', {
    everyone: 'Check the tenant id or domain, and that the tenant is in the same Microsoft cloud as the broker.',
  }),
  tenant_not_delegated: lasting(403, 'tenant', 'The tenant has not delegated administration to the partner', {
    caller: 'Ask the operator to check the delegated relationship (GDAP) with this tenant.',
    operator: `${requestRelationship} If one is active: check that its role is assigned to a security group and that the service account is a member of the group. \`ptb tenants\` shows the reason for each tenant.`,
  }),
  tenant_excluded: lasting(403, 'tenant', 'The tenant is excluded by configuration', {
    caller: 'Ask the operator to include the tenant if the broker should serve it.',
    operator: 'If the broker should serve the tenant, remove it from TENANTS_EXCLUDE or add it to TENANTS_INCLUDE.',
  }),
  resource_not_allowed: lasting(400, 'caller', 'The resource is not configured', {
    caller: 'Use a configured resource alias, or ask the operator to add this resource.',
    operator: 'Use a configured resource alias, or add this resource to RESOURCES.',
  }),
  scope_not_allowed: lasting(403, 'caller', 'The token would carry more than the policy allows', {
    caller: 'Ask the operator to change the rule: its application has more permissions than the rule allows.',
    operator: 'Name an application with fewer permissions in the rule, or allow the additional scopes in the rule.',
  }),
  credential_missing: lasting(503, 'credential', 'There is no credential in Key Vault', {
    caller: 'Tell the operator of the broker. No request succeeds until the broker is set up.',
    operator: (ptb) => `Run ${ptb('setup')} and then ${ptb('consent')}.`,
  }),
  credential_expired: lasting(503, 'credential', 'The refresh token has expired', {
    caller: waitForCredential,
    operator: (ptb) =>
      `Run ${ptb('consent')} and sign in with MFA as the service account. Unless Entra names another cause in the log, find out why the rotation timer stopped.`,
  }),
  credential_revoked: lasting(
    503,
    'credential',
    'The refresh token was revoked or is unusable, or its account is blocked',
    {
      caller: waitForCredential,
      operator: (ptb) =>
        `If Entra names a revoked grant in the log, a changed password or risk, and nobody in your organization caused that, treat it as a security incident. Then correct the cause, run ${ptb('consent')} and sign in with MFA as the service account.`,
    },
  ),
  client_credential_rejected: lasting(503, 'credential', 'Entra rejects the client credential', {
    caller: waitForCredential,
    operator: (ptb) =>
      `Run ${ptb('rotate --client-credential')}. If Entra rejects that too, run ${ptb('setup')}, or ${ptb('setup --credential federated')} to work without a secret.`,
  }),
  consent_required: lasting(403, 'tenant', 'No consent for the application', {
    caller: 'Ask the operator to consent to the application in this tenant. Try again about three minutes later.',
    operator: (ptb) => `Run ${ptb('tenants consent --tenant <id>')}, wait about three minutes, then try again.`,
  }),
  interaction_required: lasting(403, 'tenant', 'The tenant requires an interactive sign-in', {
    caller: 'Ask the operator to check the Conditional Access policies of this tenant.',
    operator: (ptb) =>
      `If other tenants work, ask the customer to exclude service provider users of the partner tenant from the Conditional Access policy. If no tenant works, correct the policy of the partner tenant, then run ${ptb('consent')}.`,
  }),
  blocked_by_policy: lasting(403, 'tenant', 'A policy of the tenant blocks the partner', {
    caller:
      'Ask the operator to have the customer exclude the partner from the Conditional Access or cross-tenant policy.',
    operator:
      'Ask the customer to exclude service provider users of the partner tenant from the Conditional Access or cross-tenant policy.',
  }),
  resource_unavailable: lasting(403, 'tenant', 'The tenant does not have this service', {
    everyone: 'Check that the tenant has a licence for the service and that its service principal exists.',
  }),
  access_denied: lasting(403, 'tenant', 'The resource refuses the partner in this tenant', {
    caller: 'Ask the operator to check the GDAP roles in this tenant and the permissions of the application.',
    operator: 'Check the roles of the GDAP relationship, its access assignment and the permissions of the application.',
  }),
  throttled: passing(503, 'platform', 'Microsoft throttles the requests', {
    caller: 'Wait as long as Retry-After says.',
    operator: 'Try again later. Fewer runs, or runs at other times, lower the load.',
  }),
  busy: passing(429, 'platform', 'The broker has reached one of its limits for concurrent work', {
    caller: 'Wait as long as Retry-After or the detail says.',
    operator:
      'Wait until other work has ended, then try again. ENTRA_CONCURRENCY raises the limit of requests to Entra. More instances raise the limits that count per instance.',
  }),
  entra_unavailable: passing(503, 'platform', 'Entra does not answer as expected', {
    caller: tellIfItLasts,
    operator:
      'Try again later. If it keeps failing, look at the Azure status page and give Microsoft the trace id from the log.',
  }),
  entra_request_rejected: lasting(502, 'platform', 'Entra rejects the request as malformed', {
    caller:
      'Check the resource and the scopes in the request. If they are right, give the operator the correlation id.',
    operator: (ptb) =>
      `Correct the resource in RESOURCES, or the permissions of the application (${ptb('setup')} sets them again). The log has the AADSTS number under the correlation id.`,
  }),
  resource_error: passing(502, 'platform', 'The resource does not answer as expected', {
    caller: tellIfItLasts,
    operator: 'Try again later. The log has the answer under the correlation id.',
  }),
  key_vault_unavailable: passing(503, 'platform', 'Key Vault does not answer', {
    caller: tellIfItLasts,
    operator: (ptb) =>
      `Check the vault, its network rules and that the managed identity has the role Partner Token Broker Secret Keeper (or Key Vault Secrets Officer). ${ptb('doctor')} finds out which of them is wrong.`,
  }),
  directory_unavailable: passing(503, 'platform', 'The list of delegated tenants cannot be read', {
    caller: tellIfItLasts,
    operator:
      'Check that the service account is a member of AdminAgents and that the application may read delegated relationships.',
  }),
  storage_unavailable: passing(503, 'platform', 'The storage account does not answer', {
    caller: tellIfItLasts,
    operator: 'Check the storage account, its network rules and the data roles of the managed identity.',
  }),
  audit_unavailable: passing(503, 'platform', 'The audit log cannot be written, so no token is issued', {
    caller: tellIfItLasts,
    operator: 'Check the storage account and that the managed identity has the role Storage Table Data Contributor.',
  }),
  idempotency_key_reused: lasting(422, 'caller', 'Another request has used this Idempotency-Key', {
    everyone: 'Send the same key only to repeat a request unchanged.',
  }),
  run_conflict: lasting(409, 'caller', 'This run already exists', {
    everyone: 'Look at the run that exists, or wait until it ends.',
  }),
  run_not_found: lasting(404, 'caller', 'There is no such run', {
    caller: 'GET /api/runs lists the runs.',
    operator: '`ptb runs` lists the runs.',
  }),
  run_cancelled: lasting(409, 'caller', 'The run was cancelled before this tenant', {
    everyone: 'Start the job again for the tenants that are left.',
  }),
  not_attempted: passing(503, 'credential', 'The run stopped before this tenant', {
    everyone: 'Fix what stopped the run, then start the job again for the tenants that are left.',
  }),
  plan_changed: lasting(500, 'platform', 'The stored plan of the run was changed or deleted', {
    caller: 'Tell the operator of the broker, then start the job again.',
    operator:
      'Find out who wrote to the container `results` of the storage account, and treat it as a security incident. Then start the job again.',
  }),
  plan_expired: lasting(409, 'caller', 'The plan is too old to be applied', {
    everyone: 'Make a new plan, and apply that one.',
  }),
  apply_held: lasting(409, 'caller', 'The apply waits for a person', {
    caller:
      'Look at what happened so far: GET /api/plans/{planId}. Then POST /api/plans/{planId}/go-on or /api/plans/{planId}/end.',
    operator: 'Look at what happened so far (`ptb plans show`), then `ptb plans go-on` or `ptb plans end`.',
  }),
  change_pending: passing(503, 'tenant', 'Changes in this tenant are on their way', {
    everyone: 'Wait. The apply reads the tenant again by itself.',
  }),
  change_failed: lasting(502, 'tenant', 'A change was not made', {
    everyone: 'Find the reason in the rows of the apply, and fix it. Then make a new plan for this tenant.',
  }),
  change_drifted: lasting(409, 'tenant', 'The tenant has changed since the plan', {
    everyone: 'Nothing was sent for what had changed. Make a new plan for this tenant.',
  }),
  change_unconfirmed: lasting(502, 'tenant', 'Microsoft accepted a change that does not show', {
    everyone: 'Check the tenant later. If the change still does not show, make a new plan for this tenant.',
  }),
  change_unclear: lasting(502, 'tenant', 'It is not known whether a change was made in this tenant', {
    everyone: 'The change may have been made, so check the tenant first. Then make a new plan for it.',
  }),
  job_unknown: lasting(404, 'caller', 'There is no such job', {
    caller: 'GET /api/jobs lists the jobs.',
    operator: '`ptb jobs` lists the jobs.',
  }),
  job_failed: lasting(500, 'tenant', 'The job failed in this tenant', {
    everyone: 'Read the log of the run for this tenant, then correct the job.',
  }),
  job_timed_out: passing(504, 'tenant', 'The job took too long in this tenant', {
    everyone: 'Raise timeoutSeconds in the job, or let it do less per tenant.',
  }),
  internal: passing(500, 'platform', 'An unexpected error occurred', {
    caller: 'Give the operator the correlation id.',
    operator: 'Look in the log under the correlation id, and report the error with what the log says.',
  }),
} as const;

/** Errors of the commands that sign an operator in and change the partner tenant. No HTTP route answers with them. */
export const setupErrorTable = {
  sign_in_refused: {
    title: 'The sign-in was not completed or does not meet the requirements',
    advice: 'Sign in with MFA as the right account, then run the command again.',
  },
  operator_forbidden: {
    title: 'The signed-in account lacks the permission',
    advice:
      'Sign in as a Global Administrator of the partner tenant, or as an account that is both Privileged Role Administrator and Cloud Application Administrator.',
  },
  setup_refused: {
    title: 'Microsoft Graph refuses a step of the setup',
    advice: (ptb) =>
      `Change what prevents it, often an application policy of the partner tenant. Then run ${ptb('setup')} again.`,
  },
} as const satisfies Record<string, SetupErrorEntry>;

/** A code of {@link errorTable}: what an HTTP route may answer with. Callers switch on it, never on text. */
export type ErrorCode = keyof typeof errorTable;

/** A code of {@link setupErrorTable}. */
export type SetupErrorCode = keyof typeof setupErrorTable;

/** All codes of {@link errorTable}, in its order. */
export const errorCodes = Object.keys(errorTable) as readonly ErrorCode[];

/** All codes of {@link setupErrorTable}, in its order. */
export const setupErrorCodes = Object.keys(setupErrorTable) as readonly SetupErrorCode[];

/**
 * The codes of refusals that the access policy causes: another policy could allow the same. What the settings leave out, such as
 * an excluded tenant, no policy can allow.
 */
export const policyRefusals: ReadonlySet<string | undefined> = new Set<ErrorCode>([
  'caller_forbidden',
  'scope_not_allowed',
  'target_protected',
]);

/** Whether `value` is a code of {@link errorTable}. */
export const isErrorCode = (value: unknown): value is ErrorCode =>
  typeof value === 'string' && Object.hasOwn(errorTable, value);

/** Whether `value` is a code of {@link setupErrorTable}. */
export const isSetupErrorCode = (value: ErrorCode | SetupErrorCode): value is SetupErrorCode =>
  Object.hasOwn(setupErrorTable, value);
