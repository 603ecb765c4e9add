/** The URLs that a durable client gives to its callers, and the value of the durable client binding. */

const connection = 'Storage';

/** The base path of the HTTP API for callers with the system key. */
export const webhookPath = '/runtime/webhooks/durabletask';
/** The base path of the same API for the library in this process, without a key. */
export const rpcPath = '/durabletask';

export interface LinkBase {
  /** Without a trailing slash. */
  readonly origin: string;
  readonly hubName: string;
  readonly systemKey: string;
}

/** The management URLs of one instance. */
export function managementUrls({ origin, hubName, systemKey }: LinkBase, instanceId: string): Record<string, string> {
  const instance = `${origin}${webhookPath}/instances/${encodeURIComponent(instanceId)}`;
  const suffix = `taskHub=${encodeURIComponent(hubName)}&connection=${connection}&code=${encodeURIComponent(systemKey)}`;
  return {
    id: instanceId,
    statusQueryGetUri: `${instance}?${suffix}`,
    sendEventPostUri: `${instance}/raiseEvent/{eventName}?${suffix}`,
    terminatePostUri: `${instance}/terminate?reason={text}&${suffix}`,
    rewindPostUri: `${instance}/rewind?reason={text}&${suffix}`,
    purgeHistoryDeleteUri: `${instance}?${suffix}`,
    restartPostUri: `${instance}/restart?${suffix}`,
    suspendPostUri: `${instance}/suspend?reason={text}&${suffix}`,
    resumePostUri: `${instance}/resume?reason={text}&${suffix}`,
  };
}

/** The value of a `durableClient` input binding as JSON text. */
export function clientBindingJson(base: LinkBase): string {
  const baseUrl = `${base.origin}${webhookPath}`;
  const code = `code=${encodeURIComponent(base.systemKey)}`;
  const create = `${baseUrl}/orchestrators/{functionName}[/{instanceId}]`;
  return JSON.stringify({
    taskHubName: base.hubName,
    creationUrls: {
      createNewInstancePostUri: `${create}?${code}`,
      createAndWaitOnNewInstancePostUri: `${create}?timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}&${code}`,
    },
    managementUrls: managementUrls(base, 'INSTANCEID'),
    baseUrl,
    requiredQueryStringParameters: code,
    rpcBaseUrl: `${base.origin}${rpcPath}/`,
  });
}
