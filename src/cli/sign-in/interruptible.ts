import { exitCodes } from '../exit-codes.ts';
import { CommandOutcome } from '../run-program.ts';

/**
 * Makes Ctrl+C abort the signal of the action. Whatever the action throws after that becomes exit code 130. A second
 * Ctrl+C ends the process at once.
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
