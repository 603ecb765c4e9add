import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { SetupError } from '../../lib/core/errors.ts';

/** The command that opens an address, by platform. The address is appended. */
const openers: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  darwin: ['open'],
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
};

/** Splits a command line into words. Double quotes keep a path with spaces together. */
function commandWords(command: string): string[] {
  return [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}

/**
 * Opens an address in the browser that PTB_BROWSER names, or in the default one. For the default one it also prints the
 * address, in case the machine has no browser.
 * @throws SetupError sign_in_refused when PTB_BROWSER fails or there is no terminal.
 */
export async function openBrowser(url: string): Promise<void> {
  const chosen = process.env['PTB_BROWSER'];
  if (chosen !== undefined && chosen !== '') return runChosen(commandWords(chosen), url);
  if (!process.stderr.isTTY && !process.stdin.isTTY) {
    throw new SetupError(
      'sign_in_refused',
      'A person has to sign in, but there is no terminal. Use --device-code, or run the command in a terminal.',
    );
  }
  process.stderr.write(`Opening the browser for the sign-in. If it does not open, go to:\n${url}\n`);
  const [program = 'xdg-open', ...args] = openers[process.platform] ?? ['xdg-open'];
  const child = spawn(program, [...args, url], { stdio: 'ignore', detached: true });
  // Without a browser, the person uses the printed address.
  child.once('error', () => undefined);
  child.unref();
}

async function runChosen([program = '', ...args]: readonly string[], url: string): Promise<void> {
  const child = spawn(program, [...args, url], { stdio: ['ignore', 'ignore', 'inherit'] });
  // Ctrl+C must not wait for it.
  child.unref();
  const [code] = (await once(child, 'exit').catch((cause: unknown) => {
    throw new SetupError('sign_in_refused', 'The command in PTB_BROWSER could not be started.', { cause });
  })) as [number | null];
  if (code !== 0) throw new SetupError('sign_in_refused', `The command in PTB_BROWSER ended with ${code}.`);
}
