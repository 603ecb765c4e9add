import { exitCodes } from '../exit-codes.ts';
import { CommandOutcome } from '../run-program.ts';

/**
 * An action that Ctrl+C ends in good order: its signal is aborted, and whatever it then throws becomes exit code 130.
 * A second Ctrl+C ends the program at once.
 */
export function interruptible<Flags>(
  action: (flags: Flags, signal: AbortSignal) => Promise<void>,
): (flags: Flags) => Promise<void> {
  return async (flags) => {
    const controller = new AbortController();
    const interrupt = (): void => controller.abort(new CommandOutcome(exitCodes.interrupted));
    process.once('SIGINT', interrupt);
    try {
      await action(flags, controller.signal);
    } catch (thrown) {
      if (controller.signal.aborted) throw new CommandOutcome(exitCodes.interrupted);
      throw thrown;
    } finally {
      process.removeListener('SIGINT', interrupt);
    }
  };
}
