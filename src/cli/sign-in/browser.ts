import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { SetupError } from '../../lib/model/errors.ts';

/** The command that opens an address, by platform; the address comes last. */
const openers: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  darwin: ['open'],
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
};

/** The words of a command line; double quotes keep a path with spaces together. */
function commandWords(command: string): string[] {
  return [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}

/**
 * Opens an address in the browser that PTB_BROWSER names, or in the system's own. The address is printed too, for the
 * machine that has none.
 * @throws SetupError sign_in_refused when PTB_BROWSER fails or there is no terminal.
 */
export async function openBrowser(url: string): Promise<void> {
  const chosen = process.env['PTB_BROWSER'];
  if (chosen !== undefined && chosen !== '') return runChosen(commandWords(chosen), url);
  if (!process.stderr.isTTY && !process.stdin.isTTY) {
    throw new SetupError(
      'sign_in_refused',
      'Somebody has to sign in, but there is no terminal; use --device-code, or run the command on a terminal.',
    );
  }
  process.stderr.write(`Opening the browser for the sign-in. If none opens, go to:\n${url}\n`);
  const [program = 'xdg-open', ...args] = openers[process.platform] ?? ['xdg-open'];
  const child = spawn(program, [...args, url], { stdio: 'ignore', detached: true });
  // No browser here: the printed address is what is left.
  child.once('error', () => undefined);
  child.unref();
}

async function runChosen([program = '', ...args]: readonly string[], url: string): Promise<void> {
  const child = spawn(program, [...args, url], { stdio: ['ignore', 'ignore', 'inherit'] });
  // Whoever presses Ctrl+C does not wait for it.
  child.unref();
  const [code] = (await once(child, 'exit').catch((cause: unknown) => {
    throw new SetupError('sign_in_refused', 'The command in PTB_BROWSER could not be started.', { cause });
  })) as [number | null];
  if (code !== 0) throw new SetupError('sign_in_refused', `The command in PTB_BROWSER ended with ${code}.`);
}
