import type { JsonObject } from '../../../lib/core/objects.ts';
import { type Finding, findingsFrom } from '../finding.ts';
import { isReached } from '../probe.ts';
import { AzureUnavailable } from './azure-client.ts';
import { checkLogs, logCheckNames, type LogDeps } from './log-checks.ts';
import { checkPlatform, describeAdmin, platformCheckNames, type PlatformDeps, readSite } from './platform-checks.ts';

/**
 * Checks the deployment through Azure Resource Manager and its logs. Reads only.
 * @returns findings that are skipped with the reason if Azure cannot be read.
 */
export async function verifyAzure(deps: PlatformDeps & LogDeps): Promise<readonly Finding[]> {
  let site: JsonObject;
  try {
    site = await readSite(deps.azure, deps.target);
  } catch (thrown) {
    if (!(thrown instanceof AzureUnavailable)) throw thrown;
    return skipAzure(deps, thrown.message);
  }
  const platform = await checkPlatform(deps, site);
  return [...platform, ...(isReached(deps.probe) ? await checkLogs(deps, site) : skipLogs('the app does not answer'))];
}

/** Skips every check that needs Azure. Names what can be seen without it. */
export async function skipAzure({ probe }: Pick<PlatformDeps, 'probe'>, reason: string): Promise<readonly Finding[]> {
  const { text } = await describeAdmin(probe);
  const azure = platformCheckNames.map((check) =>
    findingsFrom('azure').skipped(check, check === 'admin-isolation' ? `${reason}; ${text}` : reason),
  );
  return [...azure, ...skipLogs(reason)];
}

const skipLogs = (reason: string): readonly Finding[] =>
  logCheckNames.map((check) => findingsFrom('logs').skipped(check, reason));
