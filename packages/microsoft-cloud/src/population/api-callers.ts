/** The app roles of the API. */
export const apiRoles = [
  'Tokens.Request',
  'Requests.Send',
  'Tenants.Read',
  'Tenants.Write',
  'Runs.Read',
  'Runs.Write',
  'Audit.Read',
  'Metrics.Read',
  'Approvals.Decide',
  'Changes.Plan',
  'Changes.Apply',
] as const;

/** Clients of the API: name → roles. */
export const apiCallers: readonly (readonly [string, readonly string[]])[] = [
  ['Operations console', apiRoles],
  ['Helpdesk', ['Tokens.Request']],
  ['Reporting', ['Tenants.Read', 'Runs.Read']],
  ['Scheduler', ['Runs.Read', 'Runs.Write']],
  ['Auditor', ['Audit.Read']],
  ['Monitoring', ['Metrics.Read']],
  ['Stranger', []],
  ['Portal', ['Requests.Send']],
];
