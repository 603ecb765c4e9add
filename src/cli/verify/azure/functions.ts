import openApi from '../../../../docs/openapi.json' with { type: 'json' };

/** Two functions have an operation for each method. */
const furtherOperation = /^(?:gateway|mcp)-(?:get|post|patch|put|delete)$/;

const routes = Object.values<Readonly<Record<string, { readonly operationId: string }>>>(openApi.paths)
  .flatMap((operations) => Object.values(operations).map(({ operationId }) => operationId))
  .filter((operationId) => !furtherOperation.test(operationId));

/** The functions of every deployment of this version, besides the timer `schedule-JOB` of each job with a schedule. */
export const expectedFunctions: readonly string[] = [
  ...routes,
  'announce-approval',
  'announce-run',
  'apply-waves',
  'approval',
  'checkpoint-audit',
  'export-run',
  'fan-out',
  'fan-out-batch',
  'finish-run',
  'judge-wave',
  'list-tenants',
  'purge-audit',
  'purge-runs',
  'rotate-credential',
  'settle-approval',
  'tenant-run',
  'visit-tenants',
  'watch-runs',
  'watch-tenants',
];
