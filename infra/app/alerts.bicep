// Alert rules over the structured log. Each line is a JSON object whose `event` docs/log.md explains. The rules use
// level and event prefix, so that they also cover new error events of a known kind. They read the level in the line:
// the host guesses the severity of lines that are written after an invocation ended (category Host.Function.Console).
// A request that the app never saw has no line: `host-failures` reads the requests themselves.
@description('Prefix of the rule names.')
param rulePrefix string

@description('Name of the action group.')
param actionGroupName string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

@description('Object id of the app\'s managed identity, the only principal that normally reads secrets.')
param identityPrincipalId string

@description('Mail address for alerts; empty for none.')
param email string

var events = '''
AppTraces
| where Message startswith '{"event":'
| extend fields = parse_json(Message)
| extend event = tostring(fields.event), level = tostring(fields.level), code = tostring(fields.code), errorScope = tostring(fields.scope)
'''

var credentialBroken = 'errorScope == "credential" or event == "credential.dead" or (event == "credential.state_changed" and level == "error")'

// Successful changes of storage by others. A request that is signed with a key or an anonymous one has no object id. The
// log puts a batch of rows into StorageWrite as `EntityGroupTransaction`. Deployments create tables and containers.
var changesByOthers = '| where Category in ("StorageWrite", "StorageDelete") and toint(StatusCode) < 400 | where OperationName !in ("CreateTable", "CreateContainer", "SetTableServiceProperties", "SetBlobServiceProperties") | where RequesterObjectId != "${identityPrincipalId}"'

var vaultByOthers = '| where HttpStatusCode < 300 | where tostring(Identity.claim.oid) != "${identityPrincipalId}"'

var rules = [
  {
    name: 'credential-broken'
    title: 'The credential does not work'
    description: 'No tenant gets tokens. See docs/operations.md, "The credential is refused".'
    severity: 0
    query: '${events}| where ${credentialBroken}'
    frequency: 'PT15M'
    window: 'PT15M'
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'credential-warning'
    title: 'The credential needs attention soon'
    description: 'A rotation failed, a notice could not be sent, or the credential expires soon. See docs/operations.md, "Rotation".'
    severity: 2
    query: '${events}| where level in ("warn", "error") and event startswith "credential." and not(${credentialBroken})'
    frequency: 'PT1H'
    window: 'PT1H'
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'credential-care-silent'
    title: 'The credential is not maintained'
    description: 'The daily timer that rotates the refresh token has not reported for two days. Without rotation the token expires after 90 days.'
    severity: 1
    query: '${events}| where event == "credential.cared_for"'
    frequency: 'PT6H'
    window: 'P2D'
    operator: 'LessThan'
    threshold: 1
  }
  {
    name: 'run-failed'
    title: 'A run failed'
    description: 'A run did not start or did not complete. Failures of single tenants do not count.'
    severity: 1
    query: '${events}| where level == "error" and (event startswith "run." or event startswith "run_care." or event startswith "schedule." or event == "tenant_run.broken")'
    frequency: 'PT15M'
    window: 'PT15M'
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'audit-unavailable'
    title: 'The audit log does not work'
    description: 'Records cannot be written, so that callers get 503 instead of tokens, or old records cannot be deleted: see docs/operations.md, "The audit log is unavailable". Or somebody changed stored plans (audit.plan_rows_changed): see there, "Stored plans were changed".'
    severity: 1
    query: '${events}| where (level == "error" and event startswith "audit.") or code == "audit_unavailable"'
    frequency: 'PT15M'
    window: 'PT15M'
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'configuration-refused'
    title: 'Settings or access policy are invalid'
    description: 'A setting is invalid (routes for callers answer 503; an invalid NOTIFICATION_… setting only stops notices), a domain in TENANTS_EXCLUDE or TENANTS_INCLUDE belongs to no tenant, or the policy is missing or invalid (the last valid one applies for a day, then nobody gets a token).'
    severity: 1
    query: '${events}| where code == "config_invalid" or event in ("policy.rejected", "tenants.domain_unresolved")'
    frequency: 'PT15M'
    window: 'PT15M'
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'errors'
    title: 'Unexpected errors'
    description: 'More than five unexpected errors in a quarter of an hour.'
    severity: 2
    query: '${events}| where event in ("request.failed", "mcp.tool_failed") and code == "internal"'
    frequency: 'PT15M'
    window: 'PT15M'
    operator: 'GreaterThan'
    threshold: 5
  }
  // The app turns every failure into an answer, which is a success to the host, even if it has the status 500.
  {
    name: 'host-failures'
    title: 'The Functions host fails requests'
    description: 'More than five requests in a quarter of an hour failed without an answer of the app: its process ended, or a body was larger than FUNCTIONS_REQUEST_BODY_SIZE_LIMIT. See docs/operations.md, "Alerts".'
    severity: 2
    query: 'AppRequests | where Success == false and toint(ResultCode) >= 500'
    frequency: 'PT15M'
    window: 'PT15M'
    operator: 'GreaterThan'
    threshold: 5
  }
  {
    name: 'refusals'
    title: 'Many requests are rejected'
    description: 'More than a hundred requests without a valid token or without permission in a quarter of an hour: an attack, or a caller with a wrong configuration.'
    severity: 3
    query: '${events}| where event == "request.failed" and code in ("caller_unauthenticated", "caller_forbidden", "scope_not_allowed")'
    frequency: 'PT15M'
    window: 'PT15M'
    operator: 'GreaterThan'
    threshold: 100
  }
  {
    name: 'emergency-rule-used'
    title: 'A rule for emergencies was used'
    description: 'A caller used a rule with breakGlass, or nobody could be told about it. Find out whether the emergency is real: `ptb audit --break-glass`.'
    severity: 1
    query: '${events}| where event in ("emergency.served", "emergency.not_announced")'
    frequency: 'PT5M'
    window: 'PT5M'
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'notices-undelivered'
    title: 'A target does not receive notices'
    description: 'A webhook did not accept a notice within a day, or answered 410 and gets none any more. GET /api/health names the target and the reason.'
    severity: 2
    query: '${events}| where event in ("notice.given_up", "notice.target_gone")'
    frequency: 'PT15M'
    window: 'PT15M'
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'secret-read-by-another'
    title: 'Somebody other than the app read a secret'
    description: 'Any `ptb` command that reads secrets raises it. Expected while an operator runs one; otherwise an incident.'
    severity: 1
    query: 'AZKVAuditLogs | where OperationName == "SecretGet" ${vaultByOthers}'
    frequency: 'PT15M'
    window: 'PT15M'
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'secret-written-by-another'
    title: 'Somebody other than the app wrote a secret'
    description: 'A secret got a new version, or a version was enabled, disabled or recovered. Expected while `ptb setup`, `ptb consent`, `ptb rotate` or `ptb revoke` runs. Otherwise an incident: the app uses the newest enabled version.'
    severity: 1
    query: 'AZKVAuditLogs | where OperationName in ("SecretSet", "SecretUpdate", "SecretRecover") ${vaultByOthers}'
    frequency: 'PT15M'
    window: 'PT15M'
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'secret-taken-away'
    title: 'A secret was deleted, backed up or restored'
    description: 'The app does none of these. A backup cannot be revoked, so rotate the refresh token and the client credential.'
    severity: 1
    query: 'AZKVAuditLogs | where OperationName in ("SecretBackup", "SecretRestore", "SecretDelete", "SecretPurge", "VaultDelete")'
    frequency: 'PT15M'
    window: 'PT15M'
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'records-deleted-by-another'
    title: 'Rows were changed or deleted by another identity than the app'
    description: 'Only the app should write and delete rows: audit records, run records and run state.'
    severity: 1
    query: 'StorageTableLogs ${changesByOthers}'
    frequency: 'PT15M'
    window: 'PT15M'
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'blobs-changed-by-another'
    title: 'The access policy, package, a plan or a result was changed by another identity than the app'
    description: 'Expected after an operator uploaded an access policy. Otherwise an incident: these blobs decide who gets tokens and which code runs. A deployment writes the package as the app.'
    severity: 1
    query: 'StorageBlobLogs ${changesByOthers}'
    frequency: 'PT15M'
    window: 'PT15M'
    operator: 'GreaterThan'
    threshold: 0
  }
]

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(email)) {
  name: actionGroupName
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'ptb'
    enabled: true
    emailReceivers: [{ name: 'operator', emailAddress: email, useCommonAlertSchema: true }]
  }
}

resource alertRules 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for rule in rules: {
    name: '${rulePrefix}${rule.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: rule.title
      description: rule.description
      severity: rule.severity
      enabled: true
      scopes: [workspaceId]
      evaluationFrequency: rule.frequency
      windowSize: rule.window
      autoMitigate: true
      // A new workspace has no tables before the first row.
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: rule.query
            timeAggregation: 'Count'
            operator: rule.operator
            threshold: rule.threshold
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: { actionGroups: empty(email) ? [] : [actionGroup.id] }
    }
  }
]
