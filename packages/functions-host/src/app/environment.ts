interface EnvironmentOptions {
  readonly settings: Readonly<Record<string, string>>;
  readonly appFolder: string;
  /** The port on which the host listens. */
  readonly port: number;
}

/** Adds the app settings, and the variables that the libraries of a Functions app expect, to `environment`. */
export function setEnvironment(
  environment: NodeJS.ProcessEnv,
  { settings, appFolder, port }: EnvironmentOptions,
): void {
  Object.assign(environment, settings);
  environment['FUNCTIONS_APPLICATION_DIRECTORY'] = appFolder;
  environment['FUNCTIONS_WORKER_RUNTIME'] = 'node';
  environment['AZURE_FUNCTIONS_ENVIRONMENT'] ??= 'Development';
  // Without it the durable client rewrites every URL to port 7071.
  environment['WEBSITE_HOSTNAME'] = `127.0.0.1:${port}`;
  // The durable client obeys HTTP_PROXY, and a proxy cannot reach the loopback interface of this machine.
  for (const name of ['NO_PROXY', 'no_proxy']) {
    const listed = (environment[name] ?? '').split(',').filter((item) => item !== '');
    environment[name] = [...new Set([...listed, '127.0.0.1', 'localhost'])].join(',');
  }
}
