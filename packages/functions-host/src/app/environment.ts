/** The environment variables that a Functions app finds, on top of its own settings. */

/**
 * Puts the app settings and what the host adds into `environment`.
 * @param port where the host listens.
 */
export function setEnvironment(
  environment: NodeJS.ProcessEnv,
  settings: Readonly<Record<string, string>>,
  port: number,
): void {
  Object.assign(environment, settings);
  environment['FUNCTIONS_WORKER_RUNTIME'] = 'node';
  environment['AZURE_FUNCTIONS_ENVIRONMENT'] ??= 'Development';
  // Without it the durable client rewrites every address to port 7071.
  environment['WEBSITE_HOSTNAME'] = `127.0.0.1:${port}`;
  // The durable client obeys HTTP_PROXY, and a proxy cannot reach this machine's loopback interface.
  for (const name of ['NO_PROXY', 'no_proxy']) {
    const listed = (environment[name] ?? '').split(',').filter((item) => item !== '');
    environment[name] = [...new Set([...listed, '127.0.0.1', 'localhost'])].join(',');
  }
}
