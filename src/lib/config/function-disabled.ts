/**
 * Whether an app setting disables a function, so that the host never calls it ("How to disable functions in Azure
 * Functions", Microsoft Learn). Plans that allow no periods in setting names use underscores instead.
 */
export function functionDisabled(environment: Readonly<Record<string, string | undefined>>, name: string): boolean {
  const settings = [
    `AzureWebJobs.${name}.Disabled`,
    `AzureWebJobs_${name}_Disabled`,
    `AzureWebJobs__${name}__Disabled`,
  ];
  return settings.some((setting) => ['true', '1'].includes(environment[setting]?.toLowerCase() ?? ''));
}
