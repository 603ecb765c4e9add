/**
 * Whether an app setting disables a function, so that the host never calls it ("How to disable functions in Azure
 * Functions", Microsoft Learn). Plans that allow no periods in setting names use single underscores instead.
 * Double underscores disable nothing (measured with host 4.1037).
 */
export function functionDisabled(environment: Readonly<Record<string, string | undefined>>, name: string): boolean {
  const settings = [`AzureWebJobs.${name}.Disabled`, `AzureWebJobs_${name}_Disabled`];
  return settings.some((setting) => ['true', '1'].includes(environment[setting]?.toLowerCase() ?? ''));
}
