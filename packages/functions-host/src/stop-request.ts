/** How often the parent process is checked, in milliseconds. */
const parentCheckMs = 500;

/**
 * Resolves on SIGINT, on SIGTERM, and when the process was started by npm (`npx`, a script of package.json) and npm has
 * ended: npm and its shell do not pass on every signal.
 */
export function stopRequest(host: NodeJS.Process): Promise<void> {
  return new Promise((resolve) => {
    host.once('SIGINT', () => resolve());
    host.once('SIGTERM', () => resolve());
    if (host.env['npm_command'] === undefined) return;
    const parent = host.ppid;
    setInterval(() => {
      if (host.ppid !== parent) resolve();
    }, parentCheckMs).unref();
  });
}
