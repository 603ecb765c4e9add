/**
 * Whether an app setting switches a function off ("How to disable functions in Azure Functions"): the host then never
 * calls it. Where a plan takes no periods in names, underscores stand for them.
 */
export function functionDisabled(environment: Readonly<Record<string, string | undefined>>, name: string): boolean {
  const settings = [
    `AzureWebJobs.${name}.Disabled`,
    `AzureWebJobs_${name}_Disabled`,
    `AzureWebJobs__${name}__Disabled`,
  ];
  return settings.some((setting) => ['true', '1'].includes(environment[setting]?.toLowerCase() ?? ''));
}
