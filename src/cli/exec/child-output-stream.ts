import type { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';

/** One output of a program, whose end does not depend on other processes that hold it open. */
export interface OutputStream {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Ends `chunks` if its reader has taken everything that was written. @returns whether it had. */
  endIfRead(): Promise<boolean>;
}

export function outputStream(stream: Readable): OutputStream {
  let isWaiting = true;
  let isEnded = false;
  // At the exit of a program, Node discards what it wrote to a stream that nobody listens to. The reader may come later.
  stream.on('readable', () => undefined);
  async function* chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for await (const chunk of stream as AsyncIterable<Uint8Array>) {
        isWaiting = false;
        yield chunk;
        isWaiting = true;
      }
    } catch (error) {
      if (!isEnded) throw error;
    }
  }
  return {
    chunks: chunks(),
    endIfRead: async () => {
      // The pipe is read in this turn of the event loop, and a timer may have come before it.
      await setImmediate();
      if (!isWaiting || stream.readableLength > 0) return false;
      isEnded = true;
      stream.destroy();
      return true;
    },
  };
}
