/**
 * The address of the dashboard of this app, for links in notices. Undefined where no host names the app. The platform sets
 * `WEBSITE_HOSTNAME` to its own name of the app, and with a port only on a developer's machine.
 */
export function dashboardAddress(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const host = environment['WEBSITE_HOSTNAME'];
  if (host === undefined || host === '') return undefined;
  const isLocal = /^(?:localhost|127\.0\.0\.1)(?::\d+)?$/.test(host);
  return `${isLocal ? 'http' : 'https'}://${host}/api/dashboard`;
}
