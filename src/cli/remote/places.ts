import { stateFolder } from '../customer-consent/journal-files.ts';
import type { RunningDemo } from '../demo/running-demo.ts';
import { createSignInFiles, type SignInFiles } from '../login/sign-in-files.ts';
import { UsageError } from '../run-program.ts';

/** Where a command finds a broker, and a token for it, that no option names. */
export interface Places {
  readonly files: SignInFiles;
  /** The demo that runs in this folder, on this machine. Its token is renewed, so it is read for each use. */
  readonly demo: () => Promise<RunningDemo | undefined>;
}

export const places = (): Places => ({
  files: createSignInFiles(stateFolder(process.env, process.platform)),
  demo: async () => (await import('../demo/running-demo.ts')).readDemo(),
});

/**
 * The address of the broker: the option or BROKER_URL, the demo in this folder, the only sign-in of `ptb login`.
 * @throws UsageError if there is none, or several sign-ins.
 */
export async function knownAddress({ url }: { readonly url?: string }, { files, demo }: Places): Promise<string> {
  if (url !== undefined) return url;
  const running = await demo();
  if (running !== undefined) return running.url;
  const signIns = await files.list();
  const [only] = signIns;
  if (signIns.length === 1 && only !== undefined) return only.url;
  if (signIns.length === 0) throw new UsageError(noAddress);
  const all = signIns.map((each) => each.url).join(', ');
  throw new UsageError(`You are signed in to ${all}. Choose one: --url ADDRESS, or BROKER_URL in the environment.`);
}

/** Nothing says which broker is meant. */
const noAddress =
  'No broker is known. Sign in with `ptb login --url ADDRESS`, or give --url ADDRESS (or BROKER_URL). To try it without one: `npm start` in a clone, and ptb in the same folder.';
