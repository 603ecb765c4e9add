import { type Cloud, cloudNames, clouds } from '../../../lib/core/resources.ts';
import { parseGuid } from '../../../lib/core/identifiers.ts';

/** The deployment whose resources the checks read, as `azd env get-values` prints it. */
export interface AzureTarget {
  readonly cloud: Cloud;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly functionApp: string;
  /** The id under which the query API knows the workspace. Absent: found through Azure Resource Manager. */
  readonly workspaceId: string | undefined;
  /** Whether the deployment closed /admin. Absent: unknown. */
  readonly adminIsolation: boolean | undefined;
}

type Variables = Readonly<Record<string, string | undefined>>;

const required = ['AZURE_SUBSCRIPTION_ID', 'AZURE_RESOURCE_GROUP', 'AZURE_FUNCTION_NAME'] as const;

/** Returns the target, or a sentence that names the missing variables. */
export function azureTarget(environment: Variables): AzureTarget | string {
  const missing = required.filter((name) => (environment[name] ?? '') === '');
  if (missing.length > 0) return `needs ${missing.join(', ')} in the environment (\`azd env get-values\`)`;
  const [subscriptionId = '', resourceGroup = '', functionApp = ''] = required.map((name) => environment[name]);
  if (parseGuid(subscriptionId) === undefined) return 'needs a GUID in AZURE_SUBSCRIPTION_ID';
  const cloudName = cloudNames.find((name) => name === environment['MICROSOFT_CLOUD']) ?? 'public';
  const isolation = environment['ADMIN_ISOLATION']?.toLowerCase();
  return {
    cloud: clouds[cloudName],
    subscriptionId,
    resourceGroup,
    functionApp,
    workspaceId: parseGuid(environment['LOG_ANALYTICS_WORKSPACE_ID'] ?? ''),
    adminIsolation: isolation === 'true' ? true : isolation === 'false' ? false : undefined,
  };
}
