import { exitCodes } from '../exit-codes.ts';
import { CommandOutcome } from '../run-program.ts';
import { say } from '../sign-in/output.ts';

/** What happens when a person presses Ctrl+C. */
export interface Interruption {
  /** Its reason ends the command. */
  readonly signal: AbortSignal;
  stop(): void;
}

/** The first Ctrl+C aborts the signal, so that the command can cancel its run. The second one ends the command at once. */
export function onInterrupt(): Interruption {
  const controller = new AbortController();
  const interrupt = (): void => {
    if (controller.signal.aborted) process.exit(exitCodes.interrupted);
    controller.abort(new CommandOutcome(exitCodes.interrupted));
    say('Cancelling the query. Press Ctrl+C again to leave at once.');
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.on(signal, interrupt);
  return {
    signal: controller.signal,
    stop: () => {
      for (const signal of signals) process.removeListener(signal, interrupt);
    },
  };
}
